# What the stack scripts agree on; read by them with `source`. Every value can be set in the environment.
# The defaults leave OpenStack's own ports free, so that a cloud already running on this machine is not disturbed.
STACK=${STACK:-${TMPDIR:-/tmp}/afterimage-stack}
KEYSTONE_PORT=${KEYSTONE_PORT:-15000}
KEYSTONE_BRIEF_PORT=${KEYSTONE_BRIEF_PORT:-15001} # the same Keystone, but its tokens live only a few seconds
GLANCE_PORT=${GLANCE_PORT:-19292}
GLANCE_CACHED_PORT=${GLANCE_CACHED_PORT-19293} # a second Glance with its own image cache; set it to '' for none
IMAGE_ENDPOINT=${IMAGE_ENDPOINT:-http://127.0.0.1:$GLANCE_PORT} # what Keystone's catalogue says
TOKEN_LIFETIME=${TOKEN_LIFETIME:-86400}                         # seconds
TOKEN_LIFETIME_BRIEF=${TOKEN_LIFETIME_BRIEF:-3}
TOKEN_CACHE_TIME=${TOKEN_CACHE_TIME:--1} # how long Glance may believe a revoked token, seconds; Glance's default is 300
GLANCE_WORKERS=${GLANCE_WORKERS:-2}
PASSWORD=secret # of every user

mkdir -p "$STACK/log"
STACK=$(realpath "$STACK")

fail() {
  echo "$*" >&2
  exit 1
}

# wait_for SECONDS WHAT COMMAND…: until the command succeeds
wait_for() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "$what: not there in time; look into $STACK/log"
    sleep 0.2
  done
}

# A pid is ours while its command line names our folder: the number may have been given to another process.
is_ours() {
  [ -s "$1" ] && tr '\0' ' ' <"/proc/$(cat "$1")/cmdline" 2>/dev/null | grep -qF "$STACK"
}

# start NAME PORT COMMAND…: in a session of its own, so that down.sh can end it with all its workers
start() {
  local name=$1 port=$2
  shift 2
  is_ours "$STACK/$name.pid" && return
  (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && fail "$name: port $port is in use; choose another one (settings.sh)"
  setsid "$@" >"$STACK/log/$name.out" 2>&1 </dev/null &
  echo $! >"$STACK/$name.pid"
}

answers() { curl -s -o /dev/null --max-time 5 "$1"; }
