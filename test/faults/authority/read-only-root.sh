#!/usr/bin/env bash
# read-only-root.sh UID CHECKOUT PLACE WRITABLE COMMAND…: runs the command as user and group UID without any capability,
# where every file system is read-only but the directory WRITABLE. The checkout is to be found at PLACE, since it may lie
# where that user cannot go. Run by root in a mount namespace of its own (`unshare --mount`).
set -euo pipefail
uid=$1 checkout=$2 place=$3 writable=$4
shift 4

mount --bind "$checkout" "$place"
mount --bind "$writable" "$writable"
while read -r target; do
  case $target in
    "$writable" | /proc | /proc/* | /sys | /sys/*) ;;
    *) mount -o remount,bind,ro "$target" ;;
  esac
done < <(findmnt --list --noheadings --output TARGET)

cd /
exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all -- "$@"
