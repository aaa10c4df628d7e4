#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the peers twice: bin-json/ offers and accepts JSON alone over UDS, bin-msgpack/ MessagePack too.
# Does nothing when nothing changed since the last build. Installs nothing. CARGO_BUILD_JOBS=1 spares the machine,
# CARGO_PROFILE_RELEASE_OPT_LEVEL=0 builds in a third of the time what is not measured.
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
need protoc "the crate compiles its .proto file; Debian: apt-get install protobuf-compiler, macOS: brew install protobuf"

# $1 directory for the binaries, $2 features; both builds share the compiled dependencies
build() {
  cargo build --release --locked --target-dir target --features "$2"
  mkdir -p "$1"
  for binary in agent proxy load; do
    cp -f "target/release/$binary" "$1/"
  done
}

inputs=$(find src Cargo.toml Cargo.lock build.sh -type f | LC_ALL=C sort | xargs cksum; cargo --version; echo "${CARGO_PROFILE_RELEASE_OPT_LEVEL:-}")
stamp=$(printf '%s\n' "$inputs" | cksum)
if [ -x bin-json/proxy ] && [ "$(cat bin-msgpack/stamp 2>/dev/null || true)" = "$stamp" ]; then
  echo "up to date: $PWD/bin-json, $PWD/bin-msgpack"
  exit 0
fi

echo "building; the first time takes three to eight minutes" >&2
rm -f bin-msgpack/stamp
build bin-json ""
build bin-msgpack msgpack
cp -f target/release/vectors bin-msgpack/
printf '%s\n' "$stamp" >bin-msgpack/stamp
echo "built: $PWD/bin-json, $PWD/bin-msgpack"
