#!/usr/bin/env bash
# Provides docker.io/library/node:24-bookworm-slim, on which the Dockerfile builds, in buildah's local storage: from its
# registry, or where that cannot be reached a stand-in for tests, made of Debian (by debootstrap, from $DEBIAN_MIRROR),
# the Node of this checkout's node_modules and this machine's npm.
#
# Needs: buildah, debootstrap and crun, run by root after `npm ci`
set -euo pipefail
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs}
name=docker.io/library/node:24-bookworm-slim
node=$(dirname "$(realpath "$0")")/../../node_modules/node

buildah inspect --type image "$name" >/dev/null 2>&1 && exit
if timeout 120 buildah pull -q "$name" 2>/dev/null; then
  exit
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
debootstrap --variant=minbase bookworm "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$work/log" || {
  tail "$work/log" >&2
  exit 1
}
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
local=$root/usr/local
install -D "$node/bin/node" "$local/bin/node"
cp -a "$node"/node_modules/node-linux-*/include "$local/"
mkdir -p "$local/lib/node_modules"
cp -a "$(npm root -g)/npm" "$local/lib/node_modules/"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$local/bin/npx"
chroot "$root" useradd --create-home --uid 1000 node

container=$(buildah from scratch)
buildah add -q "$container" "$root" / >/dev/null
buildah config --cmd node --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit -q --rm "$container" "$name" >/dev/null
echo "made a stand-in for $name"
