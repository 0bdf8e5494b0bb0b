# The two kinds of steps of .ci/run, which reads this file with `source`. Both count into passed and failed.
passed=0 failed=0
whole=3600 # seconds for everything; a machine of its own needs about 600

# check SECONDS NAME COMMAND…: passes or fails as a whole
check() {
  local status
  begin "$2"
  limited "$1" "${@:3}"
  status=$?
  if ((status == 0)); then ((passed += 1)); else ((failed += 1)); fi
  finished "$2" "$status"
}

# suite SECONDS NAME COMMAND…: counts what node:test reports at its end. One that fails without a failed test, or ends
# before it has a total, counts as one failure.
suite() {
  local status pass fail log=$work/output
  begin "$2"
  limited "$1" "${@:3}" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  pass=$(total pass "$log")
  fail=$(($(total fail "$log") + $(total cancelled "$log")))
  ((passed += pass, failed += fail))
  if ((fail == 0 && (status != 0 || pass == 0))); then ((failed += 1)); fi
  finished "$2" "$status"
}

# The sum of lines like `ℹ pass 12`, in the words of both the spec and the TAP reporter.
total() { sed -nE "s/^(ℹ|#) $1 ([0-9]+)\$/\2/p" "$2" | awk '{ sum += $1 } END { print sum + 0 }'; }

# Whatever hangs, all of it together ends in time.
limited() {
  local left=$((whole - SECONDS))
  ((left > 0)) || left=1
  timeout --kill-after=20 $(($1 < left ? $1 : left)) "${@:2}" </dev/null
}

begin() {
  echo
  echo "=== $1"
  began=$SECONDS
}

finished() {
  local word=ok
  (($2 == 0)) || word="FAILED (status $2)"
  (($2 != 124)) || word='FAILED: out of time'
  echo "=== $1: $word, $((SECONDS - began)) s"
  return "$2"
}
