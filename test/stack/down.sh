#!/usr/bin/env bash
# Stops what up.sh started in $STACK and waits until it is gone. The data stay; remove the folder for a fresh start.
set -euo pipefail
source "$(dirname "$(realpath "$0")")/settings.sh"

shopt -s nullglob
groups=()
for file in "$STACK"/*.pid; do
  if is_ours "$file"; then
    groups+=("$(cat "$file")")
    kill -- "-${groups[-1]}"
  fi
  rm -f "$file"
done
gone() { ! kill -0 -- "-$1" 2>/dev/null; }
for group in "${groups[@]}"; do
  (wait_for 10 "the end of process group $group" gone "$group") || kill -KILL -- "-$group"
done
