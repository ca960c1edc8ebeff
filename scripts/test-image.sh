#!/usr/bin/env bash
# Builds the container image in deploy/docker/Dockerfile without a container engine, starts it as its own user on a
# read-only root, and runs its health check. The base image is made from Debian packages and Node's npm package, and
# tagged with the name that the Dockerfile uses. Requires root, buildah, debootstrap and curl.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=$(mktemp -d)
server=
cleanup() {
  if [ -n "$server" ]; then
    # unshare(1) does not forward signals to its child; the namespace and its mounts end with the child.
    pkill -TERM -P "$server" || true
    wait "$server" || true
  fi
  buildah rm --all >/dev/null 2>&1 || true
  buildah rmi --all --force >/dev/null 2>&1 || true
  rm -rf "$scratch"
}
trap cleanup EXIT

# Nothing is shared with the machine's own images.
cat >"$scratch/storage.conf" <<CONF
[storage]
driver = "vfs"
graphroot = "$scratch/images"
runroot = "$scratch/run"
CONF
export CONTAINERS_STORAGE_CONF=$scratch/storage.conf
export BUILDAH_ISOLATION=chroot

base=$(sed -n 's/^FROM \(node:[^ ]*\)$/\1/p' deploy/docker/Dockerfile)
[ -n "$base" ] || { echo 'deploy/docker/Dockerfile has no base image' >&2; exit 1; }
version=${base#node:}
version=${version%%-*}

echo "base image $base"
# shellcheck disable=SC2016
mirror=$(apt-get indextargets --format '$(REPO_URI)' | head -n 1)
debootstrap --variant=minbase bookworm "$scratch/root" "$mirror" >"$scratch/debootstrap.log" 2>&1 ||
  { tail -n 20 "$scratch/debootstrap.log" >&2; exit 1; }
npm install --silent --no-audit --no-fund --prefix "$scratch/node" "node-linux-$(node -p process.arch)@$version" npm@11
cp "$scratch"/node/node_modules/node-linux-*/bin/node "$scratch/root/usr/local/bin/node"
mkdir -p "$scratch/root/usr/local/lib/node_modules"
cp -r "$scratch/node/node_modules/npm" "$scratch/root/usr/local/lib/node_modules/"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$scratch/root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$scratch/root/usr/local/bin/npx"
# The machine's certificate authorities, for networks with a private one.
mkdir -p "$scratch/root/etc/ssl/certs"
cp -L /etc/ssl/certs/ca-certificates.crt "$scratch/root/etc/ssl/certs/"
container=$(buildah from scratch)
buildah add --quiet "$container" "$scratch/root" / >/dev/null
buildah config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
buildah commit --quiet --rm "$container" "docker.io/library/$base" >/dev/null
rm -rf "$scratch/root" "$scratch/node"

echo 'the image'
buildah build --quiet --pull-never --format docker --network host --file deploy/docker/Dockerfile --tag htgate . \
  >"$scratch/build.log" 2>&1 || { tail -n 40 "$scratch/build.log" >&2; exit 1; }

container=$(buildah from --pull-never htgate)
root=$(buildah mount "$container")
field() { buildah inspect --type image --format "$1" htgate; }
user=$(field '{{.Docker.Config.User}}')
[ "$user" = 1000:1000 ] || { echo "the image runs as '$user' instead of an unprivileged user" >&2; exit 1; }
mapfile -t environment < <(field '{{range .Docker.Config.Env}}{{println .}}{{end}}' | sed '/^$/d')
mapfile -t entrypoint < <(field '{{range .Docker.Config.Entrypoint}}{{println .}}{{end}}' | sed '/^$/d')
mapfile -t health < <(field '{{range .Docker.Config.Healthcheck.Test}}{{println .}}{{end}}' | sed '/^$/d')

mkdir "$scratch/passwords"
node bin/htpasswd.js -bcB "$scratch/passwords/htpasswd" alice wonderland
chown -R 1000:1000 "$scratch/passwords"
mkdir -p "$root/etc/htgate" "$root/proc" "$root/dev"

# Does what `docker run --read-only --user` does, with a mount namespace: everything but the password folder is read-only.
export ROOT=$root PASSWORDS=$scratch/passwords
port=$(node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close() })")
# shellcheck disable=SC2016
unshare --mount --fork --kill-child sh -euc '
  mount --bind "$ROOT" "$ROOT"
  mount --bind -o ro "$PASSWORDS" "$ROOT/etc/htgate"
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  mount -o remount,bind,ro "$ROOT"
  exec chroot --userspec=1000:1000 "$ROOT" /usr/bin/env -i "$@"
' sh "${environment[@]}" HTGATE_LISTEN="127.0.0.1:$port" HTGATE_FORWARD_AUTH=true "${entrypoint[@]}" \
  >"$scratch/server.log" 2>&1 &
server=$!

for _ in $(seq 150); do
  curl -fs -o /dev/null -u alice:wonderland "http://127.0.0.1:$port/" && break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.2
done
status() { curl -s -o /dev/null -w '%{http_code}' "$@" "http://127.0.0.1:$port/"; }
check() { [ "$1" = "$2" ] || { echo "$3: $1, not $2" >&2; cat "$scratch/server.log" >&2; exit 1; }; }
check "$(status -u alice:wonderland)" 200 'the right password'
check "$(status -u alice:wrong)" 401 'a wrong password'

# Runs the image's health check inside the image.
[ "${health[0]:-}" = CMD ] || { echo 'the image has no health check' >&2; exit 1; }
chroot --userspec=1000:1000 "$root" /usr/bin/env -i "${environment[@]}" "${health[@]:1}" ||
  { echo 'the health check failed' >&2; cat "$scratch/server.log" >&2; exit 1; }

added=$(du -sm "$root/usr/local/lib/node_modules/htgate" | cut -f1)
whole=$(du -sm --exclude=proc --exclude=dev "$root" | cut -f1)
echo "the image starts as $user on a read-only root and is healthy; htgate and its dependencies take $added MB of $whole MB"
