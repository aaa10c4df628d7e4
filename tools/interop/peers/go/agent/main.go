// The reference agent on grpc-go: prints "listening grpc://HOST:PORT" when it accepts connections.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	pb "agentwire.example/interop/agentpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

const maxMessageBytes = 10 << 20

func main() {
	address := flag.String("grpc", "127.0.0.1:0", "HOST:PORT to listen on; port 0 takes a free one")
	flag.Parse()
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessageBytes))
	pb.RegisterAgentServiceV2Server(server, &service{})
	fmt.Printf("listening grpc://%s\n", listener.Addr())
	log.Fatal(server.Serve(listener))
}

type service struct {
	pb.UnimplementedAgentServiceV2Server
}

// request is what the agent remembers of one request on one connection.
type request struct {
	path   string
	body   bytes.Buffer
	cancel context.CancelFunc
}

// connection answers the events of one stream.
type connection struct {
	stream   pb.AgentServiceV2_ProcessStreamServer
	mutex    sync.Mutex
	requests map[string]*request
}

func (s *service) ProcessStream(stream pb.AgentServiceV2_ProcessStreamServer) error {
	c := &connection{stream: stream, requests: map[string]*request{}}
	for {
		message, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.receive(message)
	}
}

func (c *connection) send(message *pb.AgentToProxy) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.stream.Send(message); err != nil {
		log.Print(err)
	}
}

func (c *connection) answer(id string, response *pb.AgentResponse) {
	response.CorrelationId = id
	c.send(&pb.AgentToProxy{Message: &pb.AgentToProxy_Response{Response: response}})
}

// of gives what is remembered of a request, for the one goroutine that receives.
func (c *connection) of(id string) *request {
	if c.requests[id] == nil {
		c.requests[id] = &request{}
	}
	return c.requests[id]
}

func (c *connection) receive(message *pb.ProxyToAgent) {
	switch {
	case message.GetHandshake() != nil:
		c.send(&pb.AgentToProxy{Message: &pb.AgentToProxy_Handshake{Handshake: handshake()}})
	case message.GetRequestHeaders() != nil:
		c.requestHeaders(message.GetRequestHeaders())
	case message.GetRequestBodyChunk() != nil:
		chunk := message.GetRequestBodyChunk()
		response, mutation := body(c.of(chunk.CorrelationId), chunk)
		response.RequestBodyMutation = mutation
		c.answer(chunk.CorrelationId, response)
	case message.GetResponseHeaders() != nil:
		headers := message.GetResponseHeaders()
		c.answer(headers.CorrelationId, responseHeaders(c.of(headers.CorrelationId), headers))
	case message.GetResponseBodyChunk() != nil:
		chunk := message.GetResponseBodyChunk()
		known := c.of(chunk.CorrelationId)
		response, mutation := allow(), (*pb.BodyMutation)(nil)
		if known.path == "/transform" {
			response, mutation = transform(chunk)
		}
		response.ResponseBodyMutation = mutation
		c.answer(chunk.CorrelationId, response)
	case message.GetRequestComplete() != nil:
		delete(c.requests, message.GetRequestComplete().CorrelationId)
	case message.GetWebsocketFrame() != nil:
		frame := message.GetWebsocketFrame()
		c.answer(frame.CorrelationId, webSocket(frame))
	case message.GetGuardrail() != nil:
		inspect := message.GetGuardrail()
		c.answer(inspect.CorrelationId, guardrail(inspect.Content))
	case message.GetConfigure() != nil:
		c.configure(message.GetConfigure())
	case message.GetCancel() != nil:
		if known := c.requests[message.GetCancel().CorrelationId]; known != nil && known.cancel != nil {
			known.cancel()
		}
	case message.GetCancelAll() != nil:
		for _, known := range c.requests {
			if known.cancel != nil {
				known.cancel()
			}
		}
	case message.GetPing() != nil:
		ping := message.GetPing()
		pong := &pb.Pong{Sequence: ping.Sequence, PingTimestampMs: ping.TimestampMs, TimestampMs: uint64(time.Now().UnixMilli())}
		c.send(&pb.AgentToProxy{Message: &pb.AgentToProxy_Pong{Pong: pong}})
	}
}

func (c *connection) requestHeaders(headers *pb.RequestHeadersEvent) {
	id := headers.Metadata.GetCorrelationId()
	target, _ := url.Parse(headers.Uri)
	known := &request{}
	if target != nil {
		known.path = target.Path
	}
	c.requests[id] = known
	if known.path != "/slow" {
		c.answer(id, decide(known.path))
		return
	}
	ms, _ := strconv.Atoi(target.Query().Get("ms"))
	ctx, cancel := context.WithTimeout(c.stream.Context(), time.Duration(ms)*time.Millisecond)
	known.cancel = cancel
	go func() {
		<-ctx.Done()
		if ctx.Err() == context.DeadlineExceeded {
			c.answer(id, seen())
		}
	}()
}

func (c *connection) configure(event *pb.ConfigureEvent) {
	if event.CorrelationId == nil {
		return // a heartbeat, or a proxy that waits for no answer
	}
	var config struct{ Reject bool }
	if err := json.Unmarshal([]byte(event.ConfigJson), &config); err != nil || config.Reject {
		c.answer(*event.CorrelationId, block(500, proto.String("Configuration rejected")))
		return
	}
	c.answer(*event.CorrelationId, allow())
}

func body(known *request, chunk *pb.BodyChunkEvent) (*pb.AgentResponse, *pb.BodyMutation) {
	switch known.path {
	case "/transform":
		return transform(chunk)
	case "/needs-more":
		known.body.Write(chunk.Data)
		if !chunk.IsLast {
			return more(), nil
		}
		if strings.Contains(known.body.String(), "attack") {
			return block(403, proto.String("attack in body")), nil
		}
	}
	return allow(), nil
}
