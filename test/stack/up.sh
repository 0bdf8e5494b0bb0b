#!/usr/bin/env bash
# Starts a real Keystone and a real Glance (Debian's packages) on loopback, each with a database of its own, in $STACK:
# see settings.sh for ports and other choices, down.sh for the end. Started again, it starts what is not running.
#
# Users admin, alice and bob, each in a project of the same name; `afterimage`, an admin in project service, is the
# cache's own. $STACK/openrc holds admin's credentials, $STACK/glance/policy.yaml Glance's policy: a change of that file
# counts from the next request on.
#
# Needs: glance-api glance-common keystone python3-openstackclient uwsgi-core uwsgi-plugin-python3 curl
set -euo pipefail
here=$(dirname "$(realpath "$0")")
source "$here/settings.sh"
cd "$STACK"
mkdir -p keystone glance images staging tasks lock glance-cache home

# With SQLite's rollback journal the workers of a service lock each other out.
write_ahead_log() { python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("PRAGMA journal_mode=WAL")' "$1"; }

source "$here/keystone.sh"
source "$here/glance.sh"

keystone_configure
glance_configure
if [ ! -e seeded ]; then
  glance_create_database & # a few seconds each: side by side
  keystone_create_database
  wait $! || fail "glance-manage failed: look into $STACK/log/glance-manage.out"
fi
keystone_start
glance_start
wait_for 60 'Keystone' answers "http://127.0.0.1:$KEYSTONE_PORT/v3"
[ -e seeded ] || keystone_seed
wait_for 60 'the Keystone of short-lived tokens' answers "http://127.0.0.1:$KEYSTONE_BRIEF_PORT/v3"
wait_for 60 'Glance' answers "http://127.0.0.1:$GLANCE_PORT/"
[ -z "$GLANCE_CACHED_PORT" ] || wait_for 60 'the Glance with a cache' answers "http://127.0.0.1:$GLANCE_CACHED_PORT/"
touch seeded
echo "Keystone http://127.0.0.1:$KEYSTONE_PORT/v3, Glance http://127.0.0.1:$GLANCE_PORT, in $STACK"
