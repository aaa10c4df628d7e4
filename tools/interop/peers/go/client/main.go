// A gRPC client on grpc-go that is told what to say: each line of stdin is a ProxyToAgent in protobuf's JSON, an empty line
// ends the stream and opens the next. Prints each AgentToProxy as a line, and {"closed": "why"} when the agent ends a stream.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"sync"

	pb "agentwire.example/interop/agentpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
)

const maxMessageBytes = 10 << 20

var printing sync.Mutex

func say(line []byte) {
	printing.Lock()
	defer printing.Unlock()
	fmt.Printf("%s\n", line)
}

// compact takes the spaces out that protojson puts in at random.
func compact(text []byte) []byte {
	line, err := json.Marshal(json.RawMessage(text))
	if err != nil {
		log.Fatal(err)
	}
	return line
}

func open(client pb.AgentServiceV2Client) (pb.AgentServiceV2_ProcessStreamClient, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := client.ProcessStream(ctx)
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		for {
			message, err := stream.Recv()
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				why := err.Error()
				if err == io.EOF {
					why = "the agent ended the stream"
				}
				line, _ := json.Marshal(map[string]string{"closed": why})
				say(line)
				return
			}
			line, err := protojson.Marshal(message)
			if err != nil {
				log.Fatal(err)
			}
			say(compact(line))
		}
	}()
	return stream, cancel
}

func main() {
	address := flag.String("grpc", "", "HOST:PORT of the agent")
	flag.Parse()
	limits := grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes))
	connection, err := grpc.NewClient(*address, grpc.WithTransportCredentials(insecure.NewCredentials()), limits)
	if err != nil {
		log.Fatal(err)
	}
	client := pb.NewAgentServiceV2Client(connection)
	stream, cancel := open(client)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 2*maxMessageBytes)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			cancel()
			stream, cancel = open(client)
			continue
		}
		message := &pb.ProxyToAgent{}
		if err := protojson.Unmarshal(lines.Bytes(), message); err != nil {
			log.Fatal(err)
		}
		if err := stream.Send(message); err != nil && err != io.EOF {
			log.Print(err)
		}
	}
	cancel()
}
