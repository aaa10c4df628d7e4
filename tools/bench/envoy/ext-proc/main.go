// Answers Envoy's ext_proc filter on a Unix socket: request heads pass with one header more.
//
//	ext-proc PATH
package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
)

type processor struct {
	extprocv3.UnimplementedExternalProcessorServer
}

func (processor) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if request.GetRequestHeaders() == nil {
			return fmt.Errorf("only request heads are expected, got %T", request.Request)
		}
		if err := stream.Send(allow()); err != nil {
			return err
		}
	}
}

func allow() *extprocv3.ProcessingResponse {
	header := &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: "x-agent", RawValue: []byte("allow")},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}
	mutation := &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{header}}
	return &extprocv3.ProcessingResponse{Response: &extprocv3.ProcessingResponse_RequestHeaders{
		RequestHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{HeaderMutation: mutation}},
	}}
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: ext-proc PATH")
	}
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	extprocv3.RegisterExternalProcessorServer(server, processor{})
	fmt.Printf("{\"address\":\"unix:%s\"}\n", os.Args[1])
	log.Fatal(server.Serve(listener))
}
