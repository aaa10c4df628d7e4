#!/bin/sh
# Installs grpcio into .packages/ and generates the messages from proto/ into gen/; nothing outside of this folder changes.
set -eu
cd "$(dirname "$0")"
if ! cmp -s requirements.txt .packages/requirements.txt 2>/dev/null; then
  rm -rf .packages
  python3 -m pip install --quiet --disable-pip-version-check --target .packages -r requirements.txt
  cp requirements.txt .packages/
fi
mkdir -p gen
protoc -I ../../../../proto --python_out=gen zentinel/agent/v2/agent.proto
