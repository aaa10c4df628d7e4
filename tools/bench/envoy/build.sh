#!/bin/sh
# Installs Envoy into .packages/ and builds its external processor into .bin/; needs python3 with pip, and go. Nothing outside of this folder changes.
set -eu
cd "$(dirname "$0")"
if ! cmp -s requirements.txt .packages/requirements.txt 2>/dev/null; then
  rm -rf .packages
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target .packages -r requirements.txt
  cp requirements.txt .packages/
fi
mkdir -p .bin
go build -o .bin/ ./ext-proc
