# Keystone's part of up.sh, which reads this file with `source`.

keystone_configure() {
  keystone_conf keystone "$TOKEN_LIFETIME"
  keystone_conf keystone-brief "$TOKEN_LIFETIME_BRIEF"
  cat >openrc <<C
export OS_AUTH_URL=http://127.0.0.1:$KEYSTONE_PORT/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne
export OS_USERNAME=admin OS_PASSWORD=$PASSWORD OS_PROJECT_NAME=admin OS_USER_DOMAIN_ID=default OS_PROJECT_DOMAIN_ID=default
C
}

# Nothing is kept from one request to the next: a process would not see what another has just created, revoked or
# changed. The null backend still keeps what one request has looked up; without it, looking at a token takes 400 queries.
# Costly password hashes would add a quarter of a second to every new token.
keystone_conf() {
  cat >"keystone/$1.conf" <<C
[DEFAULT]
log_file = $STACK/log/$1.log
[database]
connection = sqlite:///$STACK/keystone/keystone.db
[token]
provider = fernet
expiration = $2
[identity]
password_hash_rounds = 4
[fernet_tokens]
key_repository = $STACK/keystone/fernet
[fernet_receipts]
key_repository = $STACK/keystone/fernet
[credential]
key_repository = $STACK/keystone/credential
[cache]
enabled = true
backend = dogpile.cache.null
C
}

keystone_create_database() {
  local manage=(keystone-manage --config-file "$STACK/keystone/keystone.conf") url=http://127.0.0.1:$KEYSTONE_PORT/v3/
  local user=(--keystone-user "$(id -un)" --keystone-group "$(id -gn)")
  {
    "${manage[@]}" db_sync
    write_ahead_log keystone/keystone.db
    "${manage[@]}" fernet_setup "${user[@]}"
    "${manage[@]}" credential_setup "${user[@]}"
    "${manage[@]}" bootstrap --bootstrap-password "$PASSWORD" --bootstrap-region-id RegionOne \
      --bootstrap-admin-url "$url" --bootstrap-internal-url "$url" --bootstrap-public-url "$url"
  } >log/keystone-manage.out 2>&1 || fail "keystone-manage failed: look into $STACK/log/keystone-manage.out"
}

keystone_start() {
  keystone_serve keystone "$KEYSTONE_PORT" 2
  keystone_serve keystone-brief "$KEYSTONE_BRIEF_PORT" 1
}

keystone_serve() {
  # One request per connection, and said so: uwsgi closes it anyway, and a client that reuses it would be reset.
  start "$1" "$2" uwsgi --plugin python3 --add-header "Connection: close" --http-socket "127.0.0.1:$2" \
    --wsgi-file "$(command -v keystone-wsgi-public)" --master --processes "$3" --die-on-term \
    --buffer-size 65535 --env "OS_KEYSTONE_CONFIG_FILES=$STACK/keystone/$1.conf"
}

# One client process for all of it: each start of the client costs a second.
keystone_seed() {
  (
    source ./openrc
    openstack >log/seed.out 2>&1 <<C
project create service
user create --password $PASSWORD glance
role add --project service --user glance admin
role create service
role add --project service --user glance service
user create --password $PASSWORD afterimage
role add --project service --user afterimage admin
service create --name glance image
endpoint create --region RegionOne image public $IMAGE_ENDPOINT
project create alice
user create --password $PASSWORD alice
role add --project alice --user alice member
project create bob
user create --password $PASSWORD bob
role add --project bob --user bob member
C
    # The client goes on after a line that failed: the last of them and the first service prove the rest.
    openstack role assignment list --user bob --project bob -f value >log/seeded.out 2>&1
    [ -s log/seeded.out ] || fail "seeding Keystone failed: look into $STACK/log/seed.out"
  )
}
