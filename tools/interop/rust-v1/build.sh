#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the peers of version 1 into bin/. Does nothing when nothing changed since the last build. Installs nothing.
set -eu
cd "$(dirname "$0")"
if [ $# -gt 0 ]; then
  echo "usage: build.sh" >&2
  exit 2
fi

need() {
  command -v "$1" >/dev/null 2>&1 && return
  echo "$1 is missing: $2" >&2
  exit 1
}
need cargo "install Rust 1.95 or newer with rustup"
need protoc "the crate compiles its .proto files; Debian: apt-get install protobuf-compiler, macOS: brew install protobuf"

# the sources that ../rust lends are named one by one, so that its other changes build nothing here
lent="../rust/src/events.rs ../rust/src/bin/agent/reference.rs ../rust/src/bin/vectors/proxy_events.rs
../rust/src/bin/vectors/responses.rs ../rust/src/bin/vectors/vector.rs"
# shellcheck disable=SC2086
inputs=$(find src Cargo.toml Cargo.lock build.sh $lent -type f | LC_ALL=C sort | xargs cksum; cargo --version)
stamp=$(printf '%s\n' "$inputs" | cksum)
if [ -x bin/proxy ] && [ "$(cat bin/stamp 2>/dev/null || true)" = "$stamp" ]; then
  echo "up to date: $PWD/bin"
  exit 0
fi

echo "building; the first time takes some minutes" >&2
rm -f bin/stamp
cargo build --release --locked --target-dir target
mkdir -p bin
for binary in agent proxy vectors; do
  cp -f "target/release/$binary" bin/
done
printf '%s\n' "$stamp" >bin/stamp
echo "built: $PWD/bin"
