"""What the reference agent decides."""

import json

from wire import pb

FEATURES = ["streaming", "cancellation", "request_complete", "websocket", "guardrails", "config_push"]


def handshake():
    capabilities = pb.AgentCapabilities(
        protocol_version=2,
        agent_id="reference",
        name="reference",
        version="1.0.0",
        supported_events=range(1, 9),
        features=pb.AgentFeatures(
            streaming_body=True,
            websocket=True,
            guardrails=True,
            config_push=True,
            cancellation=True,
            concurrent_requests=100,
        ),
        limits=pb.AgentLimits(max_body_size=10 << 20, max_concurrency=100, preferred_chunk_size=65536),
        health_config=pb.HealthConfig(report_interval_ms=10000),
    )
    agentwire = json.dumps({"features": FEATURES})
    return pb.HandshakeResponse(protocol_version=2, success=True, capabilities=capabilities, agentwire_json=agentwire)


def allow(**more):
    return pb.AgentResponse(allow=pb.AllowDecision(), **more)


def block(status, body=None, headers=()):
    return pb.AgentResponse(block=pb.BlockDecision(status=status, body=body, headers=headers))


def header_set(name, value):
    return pb.HeaderOp(set=pb.Header(name=name, value=value))


def header_add(name, value):
    return pb.HeaderOp(add=pb.Header(name=name, value=value))


def seen():
    return allow(request_headers=[header_set("x-agent", "allow")], audit=pb.AuditMetadata(tags=["seen"]))


def mutate():
    operations = [
        header_set("x-agent-set", "1"),
        header_add("x-agent-add", "1"),
        header_add("x-agent-add", "2"),
        pb.HeaderOp(remove="x-remove-me"),
    ]
    audit = pb.AuditMetadata(
        tags=["mutated"], rule_ids=["r-1"], confidence=0.5, reason_codes=["TEST"], custom={"k": '"v"'}
    )
    return allow(request_headers=operations, response_headers=[header_set("x-agent-resp", "1")], audit=audit)


def request_headers(path):
    if path == "/block":
        return block(403, "blocked by agent", [pb.Header(name="x-agent", value="block")])
    if path == "/redirect":
        return pb.AgentResponse(redirect=pb.RedirectDecision(url="https://example.test/login", status=302))
    if path == "/challenge":
        return pb.AgentResponse(challenge=pb.ChallengeDecision(challenge_type="captcha", params={"site_key": "k1"}))
    if path == "/mutate":
        return mutate()
    if path in ("/needs-more", "/transform"):
        return allow(needs_more=True)
    if path == "/throw":
        raise RuntimeError("the path said so")
    return seen()


def request_body(request, chunk):
    if request.path == "/transform":
        return transform(chunk, "request_body_mutation")
    if request.path != "/needs-more":
        return allow()
    request.body += chunk.data
    if not chunk.is_last:
        return allow(needs_more=True)
    return block(403, "attack in body") if b"attack" in request.body else allow()


def response_headers(path, status):
    if status == 418:
        return block(502)
    if path == "/mutate":
        return allow(response_headers=[header_set("x-agent-resp", "1")])
    return allow(needs_more=path == "/transform")


def transform(chunk, field):
    """Lets a chunk pass, drops it, or puts it in capitals."""
    mutation = pb.BodyMutation(chunk_index=chunk.chunk_index)
    if chunk.data.startswith(b"drop"):
        mutation.data = b""
    elif not chunk.data.startswith(b"pass"):
        mutation.data = chunk.data.upper()
    return allow(needs_more=not chunk.is_last, **{field: mutation})


def websocket(frame):
    text = frame.payload if frame.frame_type == 1 else b""
    if text == b"bad":
        return allow(websocket_decision=pb.WebsocketDecision(close_code=1008, close_reason="bad word"))
    if text == b"drop":
        return allow(websocket_decision=pb.WebsocketDecision(drop=True))
    return allow()


def guardrail(content):
    result = {"detected": False, "confidence": 0, "detections": []}
    if "ignore previous instructions" in content:
        detection = {"category": "prompt_injection", "description": "injection", "severity": "high", "confidence": 0.9}
        result = {"detected": True, "confidence": 0.9, "detections": [detection]}
    return allow(routing_metadata={"guardrail_response": json.dumps(result)})


def configure(config_json):
    return block(500, "Configuration rejected") if json.loads(config_json).get("reject") else allow()
