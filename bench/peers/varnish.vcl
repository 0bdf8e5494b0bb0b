# Varnish in front of the image store. Names between at signs are filled in by varnish.ts.
vcl 4.1;

backend store {
  .host = "127.0.0.1";
  .port = "@STORE_PORT@";
}

sub vcl_recv {
  # For the bench, to make a miss.
  if (req.method == "PURGE") {
    return (purge);
  }
}

sub vcl_backend_response {
  set beresp.ttl = 1d;
  # After a purge there is nothing to give out meanwhile: a miss is a miss.
  set beresp.grace = 0s;
  set beresp.keep = 0s;
  # The default, and what the manual advises for large objects: clients get what has come while the rest comes.
  set beresp.do_stream = true;
}

sub vcl_deliver {
  if (obj.hits > 0) {
    set resp.http.X-Cache = "HIT";
  }
}
