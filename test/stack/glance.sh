# Glance's part of up.sh, which reads this file with `source`.

glance_configure() {
  [ -e glance/policy.yaml ] || echo '{}' >glance/policy.yaml
  glance_conf glance "$GLANCE_PORT" keystone ''
  [ -z "$GLANCE_CACHED_PORT" ] ||
    glance_conf glance-cached "$GLANCE_CACHED_PORT" keystone+cachemanagement "image_cache_dir = $STACK/glance-cache
image_cache_driver = sqlite
image_cache_max_size = 107374182400"
}

# Two stores: `file`, where images are uploaded to, and `web`, images that lie on another web server. Glance cannot give
# ranges of those, as it cannot of images in Ceph, Swift or S3.
glance_conf() {
  cat >"glance/$1.conf" <<C
[DEFAULT]
bind_host = 127.0.0.1
bind_port = $2
workers = $GLANCE_WORKERS
log_file = $STACK/log/$1.log
enabled_backends = file:file, web:http
show_multiple_locations = true
$4
[database]
connection = sqlite:///$STACK/glance/glance.db
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $STACK/images
[web]
[os_glance_staging_store]
filesystem_store_datadir = $STACK/staging
[os_glance_tasks_store]
filesystem_store_datadir = $STACK/tasks
[import_filtering_opts]
allowed_hosts = [127.0.0.1]
allowed_ports = []
[keystone_authtoken]
auth_type = password
auth_url = http://127.0.0.1:$KEYSTONE_PORT
www_authenticate_uri = http://127.0.0.1:$KEYSTONE_PORT
username = glance
password = $PASSWORD
project_name = service
user_domain_id = default
project_domain_id = default
token_cache_time = $TOKEN_CACHE_TIME
[oslo_concurrency]
lock_path = $STACK/lock
[oslo_policy]
policy_file = $STACK/glance/policy.yaml
[paste_deploy]
flavor = $3
config_file = /etc/glance/glance-api-paste.ini
C
}

glance_create_database() {
  glance-manage --config-file glance/glance.conf db_sync >log/glance-manage.out 2>&1 && write_ahead_log glance/glance.db
}

glance_start() {
  start glance "$GLANCE_PORT" glance-api --config-file "$STACK/glance/glance.conf"
  [ -z "$GLANCE_CACHED_PORT" ] || start glance-cached "$GLANCE_CACHED_PORT" glance-api --config-file "$STACK/glance/glance-cached.conf"
}
