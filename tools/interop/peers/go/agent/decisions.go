package main

import (
	"bytes"
	"encoding/json"
	"strings"

	pb "agentwire.example/interop/agentpb"
	"google.golang.org/protobuf/proto"
)

func handshake() *pb.HandshakeResponse {
	features := `{"features":["streaming","cancellation","request_complete","websocket","guardrails","config_push"]}`
	return &pb.HandshakeResponse{
		ProtocolVersion: 2,
		Success:         true,
		AgentwireJson:   &features,
		Capabilities: &pb.AgentCapabilities{
			ProtocolVersion: 2, AgentId: "reference", Name: "reference", Version: "1.0.0",
			SupportedEvents: []int32{1, 2, 3, 4, 5, 6, 7, 8},
			Features: &pb.AgentFeatures{
				StreamingBody: true, Websocket: true, Guardrails: true, ConfigPush: true,
				Cancellation: true, ConcurrentRequests: 100,
			},
			Limits:       &pb.AgentLimits{MaxBodySize: maxMessageBytes, MaxConcurrency: 100, PreferredChunkSize: 65536},
			HealthConfig: &pb.HealthConfig{ReportIntervalMs: 10000},
		},
	}
}

func allow() *pb.AgentResponse {
	return &pb.AgentResponse{Decision: &pb.AgentResponse_Allow{Allow: &pb.AllowDecision{}}}
}

func more() *pb.AgentResponse {
	response := allow()
	response.NeedsMore = true
	return response
}

func block(status uint32, body *string, headers ...*pb.Header) *pb.AgentResponse {
	decision := &pb.BlockDecision{Status: status, Body: body, Headers: headers}
	return &pb.AgentResponse{Decision: &pb.AgentResponse_Block{Block: decision}}
}

func set(name, value string) *pb.HeaderOp {
	return &pb.HeaderOp{Operation: &pb.HeaderOp_Set{Set: &pb.Header{Name: name, Value: value}}}
}

func add(name, value string) *pb.HeaderOp {
	return &pb.HeaderOp{Operation: &pb.HeaderOp_Add{Add: &pb.Header{Name: name, Value: value}}}
}

func seen() *pb.AgentResponse {
	response := allow()
	response.RequestHeaders = []*pb.HeaderOp{set("x-agent", "allow")}
	response.Audit = &pb.AuditMetadata{Tags: []string{"seen"}}
	return response
}

// decide answers the head of a request by its path.
func decide(path string) (response *pb.AgentResponse) {
	// a handler that fails is a block, and never takes the connection with it
	defer func() {
		if recover() != nil {
			response = block(500, nil)
		}
	}()
	switch path {
	case "/block":
		return block(403, proto.String("blocked by agent"), &pb.Header{Name: "x-agent", Value: "block"})
	case "/redirect":
		redirect := &pb.RedirectDecision{Url: "https://example.test/login", Status: 302}
		return &pb.AgentResponse{Decision: &pb.AgentResponse_Redirect{Redirect: redirect}}
	case "/challenge":
		challenge := &pb.ChallengeDecision{ChallengeType: "captcha", Params: map[string]string{"site_key": "k1"}}
		return &pb.AgentResponse{Decision: &pb.AgentResponse_Challenge{Challenge: challenge}}
	case "/mutate":
		return mutate()
	case "/needs-more", "/transform":
		return more()
	case "/throw":
		panic("the path said so")
	}
	return seen()
}

func mutate() *pb.AgentResponse {
	response := allow()
	remove := &pb.HeaderOp{Operation: &pb.HeaderOp_Remove{Remove: "x-remove-me"}}
	response.RequestHeaders = []*pb.HeaderOp{set("x-agent-set", "1"), add("x-agent-add", "1"), add("x-agent-add", "2"), remove}
	response.ResponseHeaders = []*pb.HeaderOp{set("x-agent-resp", "1")}
	response.Audit = &pb.AuditMetadata{
		Tags: []string{"mutated"}, RuleIds: []string{"r-1"}, Confidence: proto.Float32(0.5),
		ReasonCodes: []string{"TEST"}, Custom: map[string]string{"k": `"v"`},
	}
	return response
}

func responseHeaders(known *request, headers *pb.ResponseHeadersEvent) *pb.AgentResponse {
	if headers.StatusCode == 418 {
		return block(502, nil)
	}
	response := allow()
	switch known.path {
	case "/mutate":
		response.ResponseHeaders = []*pb.HeaderOp{set("x-agent-resp", "1")}
	case "/transform":
		response.NeedsMore = true
	}
	return response
}

// transform lets a chunk pass, drops it, or puts it in capitals.
func transform(chunk *pb.BodyChunkEvent) (*pb.AgentResponse, *pb.BodyMutation) {
	response := allow()
	response.NeedsMore = !chunk.IsLast
	mutation := &pb.BodyMutation{ChunkIndex: chunk.ChunkIndex}
	switch {
	case bytes.HasPrefix(chunk.Data, []byte("pass")):
	case bytes.HasPrefix(chunk.Data, []byte("drop")):
		mutation.Data = []byte{}
	default:
		mutation.Data = bytes.ToUpper(chunk.Data)
	}
	return response, mutation
}

func webSocket(frame *pb.WebSocketFrameEvent) *pb.AgentResponse {
	response := allow()
	if frame.FrameType != 1 {
		return response
	}
	switch string(frame.Payload) {
	case "bad":
		close := &pb.WebsocketDecision{CloseCode: proto.Uint32(1008), CloseReason: proto.String("bad word")}
		response.WebsocketDecision = close
	case "drop":
		response.WebsocketDecision = &pb.WebsocketDecision{Drop: true}
	}
	return response
}

func guardrail(content string) *pb.AgentResponse {
	result := map[string]any{"detected": false, "confidence": 0, "detections": []any{}}
	if strings.Contains(content, "ignore previous instructions") {
		detection := map[string]any{"category": "prompt_injection", "description": "injection", "severity": "high", "confidence": 0.9}
		result = map[string]any{"detected": true, "confidence": 0.9, "detections": []any{detection}}
	}
	text, _ := json.Marshal(result)
	response := allow()
	response.RoutingMetadata = map[string]string{"guardrail_response": string(text)}
	return response
}
