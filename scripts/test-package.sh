#!/usr/bin/env bash
# Packs the package, installs the tarball in an empty folder with an empty home, and tries its commands and library there, on
# every supported version of Node. The npm packages node-linux-* contain Node's binaries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

versions=${HTGATE_NODE_VERSIONS:-20.17.0 20 22 24 26}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/home" "$scratch/app"

npm pack --silent --pack-destination "$scratch" >/dev/null
cp scripts/try-package.mjs "$scratch/app/"
(
  cd "$scratch/app"
  export HOME=$scratch/home
  npm init -y >/dev/null
  npm install --silent --no-audit --no-fund "$scratch"/htgate-*.tgz
)

failed=0
for version in $versions; do
  # The machine's npm cache makes this fast from the second run on.
  npm install --silent --no-audit --no-fund --prefix "$scratch/node-$version" \
    "node-linux-$(node -p process.arch)@$version"
  node=$(echo "$scratch/node-$version"/node_modules/node-linux-*/bin/node)
  (cd "$scratch/app" && HOME=$scratch/home "$node" try-package.mjs) || failed=1
done
exit "$failed"
