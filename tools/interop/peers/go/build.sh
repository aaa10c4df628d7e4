#!/bin/sh
# Generates the messages from proto/ and builds agent and client into .bin/; what is up to date is not built again.
set -eu
cd "$(dirname "$0")"
mkdir -p .bin agentpb
go build -o .bin/ google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
package=agentwire.example/interop/agentpb
file=zentinel/agent/v2/agent.proto
protoc -I ../../../../proto --plugin=.bin/protoc-gen-go --plugin=.bin/protoc-gen-go-grpc \
  --go_out=. --go_opt=module=agentwire.example/interop --go_opt="M$file=$package" \
  --go-grpc_out=. --go-grpc_opt=module=agentwire.example/interop --go-grpc_opt="M$file=$package" "$file"
go build -o .bin/ ./agent ./client
