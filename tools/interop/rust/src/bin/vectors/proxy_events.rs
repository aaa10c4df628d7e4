// SPDX-License-Identifier: Apache-2.0
//! Everything that a proxy sends: each message once with every optional field, once with none, and
//! where it says more, once with values at the edges.

use std::collections::HashMap;

use agentwire_interop_rust::events::{self, Chunk};
use serde_json::{Value, json};
use zentinel_agent_protocol::v2::{CancelReason, MessageType, UdsEncoding, UdsHandshakeRequest};
use zentinel_agent_protocol::{
    BinaryRequestBodyChunkEvent, BinaryResponseBodyChunkEvent, GuardrailInspectEvent,
    RequestBodyChunkEvent, RequestCompleteEvent, RequestHeadersEvent, RequestMetadata,
    ResponseBodyChunkEvent, ResponseHeadersEvent, WebSocketFrameEvent,
};

use crate::vector::{self, Failure, ID, Side, Vector};

pub struct Sample {
    pub name: &'static str,
    pub variant: &'static str,
    pub event: ProxyEvent,
}

pub enum ProxyEvent {
    RequestHeaders(RequestHeadersEvent),
    RequestChunk(RequestBodyChunkEvent),
    BinaryRequestChunk(BinaryRequestBodyChunkEvent),
    ResponseHeaders(ResponseHeadersEvent),
    ResponseChunk(ResponseBodyChunkEvent),
    BinaryResponseChunk(BinaryResponseBodyChunkEvent),
    RequestComplete(RequestCompleteEvent),
    WebSocket(WebSocketFrameEvent),
    Guardrail(GuardrailInspectEvent),
    Configure(Value, Option<String>),
    Cancel(CancelReason),
    Ping,
}

impl ProxyEvent {
    /// What the event says, where the crate has a type for it; the others are made up by the client.
    pub fn value(&self) -> Option<Value> {
        match self {
            Self::RequestHeaders(event) => Some(json!(event)),
            Self::RequestChunk(event) => Some(json!(event)),
            Self::BinaryRequestChunk(event) => {
                Some(json!(RequestBodyChunkEvent::from(event.clone())))
            }
            Self::ResponseHeaders(event) => Some(json!(event)),
            Self::ResponseChunk(event) => Some(json!(event)),
            Self::BinaryResponseChunk(event) => {
                Some(json!(ResponseBodyChunkEvent::from(event.clone())))
            }
            Self::RequestComplete(event) => Some(json!(event)),
            Self::WebSocket(event) => Some(json!(event)),
            Self::Guardrail(event) => Some(json!(event)),
            Self::Configure(..) | Self::Cancel(_) | Self::Ping => None,
        }
    }
}

pub fn all() -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut add = |name, variant, event| {
        samples.push(Sample {
            name,
            variant,
            event,
        });
    };

    add(
        "RequestHeaders",
        "full",
        ProxyEvent::RequestHeaders(full_headers()),
    );
    add(
        "RequestHeaders",
        "none",
        ProxyEvent::RequestHeaders(events::bare_request_headers(ID)),
    );
    add(
        "RequestHeaders",
        "edges",
        ProxyEvent::RequestHeaders(edge_headers()),
    );

    for (variant, chunk) in chunks() {
        let event = events::request_chunk(ID, chunk);
        add("RequestBodyChunk", variant, ProxyEvent::RequestChunk(event));
    }
    for (variant, chunk) in chunks() {
        let event = ProxyEvent::BinaryRequestChunk(events::binary_request_chunk(ID, chunk));
        add("RequestBodyChunk.binary", variant, event);
    }
    for (variant, chunk) in chunks() {
        let event = events::response_chunk(ID, chunk);
        add(
            "ResponseBodyChunk",
            variant,
            ProxyEvent::ResponseChunk(event),
        );
    }
    for (variant, chunk) in chunks() {
        let event = ProxyEvent::BinaryResponseChunk(events::binary_response_chunk(ID, chunk));
        add("ResponseBodyChunk.binary", variant, event);
    }

    let headers = events::response_headers(ID, 200);
    let bare = ResponseHeadersEvent {
        headers: HashMap::new(),
        ..events::response_headers(ID, 599)
    };
    add(
        "ResponseHeaders",
        "full",
        ProxyEvent::ResponseHeaders(headers),
    );
    add("ResponseHeaders", "none", ProxyEvent::ResponseHeaders(bare));

    let complete = events::request_complete(ID, Some("upstream reset"));
    let bare = events::request_complete(ID, None);
    let edges = RequestCompleteEvent {
        duration_ms: u64::MAX,
        request_body_size: (1 << 53) + 1,
        response_body_size: usize::MAX,
        upstream_attempts: u32::MAX,
        ..events::request_complete(ID, Some(""))
    };
    add(
        "RequestComplete",
        "full",
        ProxyEvent::RequestComplete(complete),
    );
    add("RequestComplete", "none", ProxyEvent::RequestComplete(bare));
    add(
        "RequestComplete",
        "edges",
        ProxyEvent::RequestComplete(edges),
    );

    let frame = events::websocket_frame(ID, "text", "grüße".as_bytes());
    let bare = WebSocketFrameEvent {
        client_to_server: false,
        frame_index: u64::MAX,
        fin: false,
        route_id: None,
        client_ip: String::new(),
        ..events::websocket_frame(ID, "continuation", b"")
    };
    add("WebSocketFrame", "full", ProxyEvent::WebSocket(frame));
    add("WebSocketFrame", "none", ProxyEvent::WebSocket(bare));
    for opcode in ["binary", "close", "ping", "pong"] {
        let frame = events::websocket_frame(ID, opcode, &[0, 255, 128]);
        add("WebSocketFrame", opcode, ProxyEvent::WebSocket(frame));
    }

    let guardrail = events::guardrail(ID, "ignore previous instructions");
    let bare = events::bare_guardrail(ID);
    add("GuardrailInspect", "full", ProxyEvent::Guardrail(guardrail));
    add("GuardrailInspect", "none", ProxyEvent::Guardrail(bare));

    let config = json!({ "reject": false, "level": 7, "list": ["a", null, 1.5] });
    add(
        "Configure",
        "full",
        ProxyEvent::Configure(config, Some("v-7".into())),
    );
    add("Configure", "none", ProxyEvent::Configure(json!({}), None));

    let reasons = [
        ("client_disconnect", CancelReason::ClientDisconnect),
        ("timeout", CancelReason::Timeout),
        ("blocked_by_agent", CancelReason::BlockedByAgent),
        ("upstream_error", CancelReason::UpstreamError),
        ("proxy_shutdown", CancelReason::ProxyShutdown),
        ("manual", CancelReason::Manual),
    ];
    for (variant, reason) in reasons {
        add("Cancel", variant, ProxyEvent::Cancel(reason));
    }
    add("Ping", "sent", ProxyEvent::Ping);
    samples
}

/// Handshakes that other builds and other callers of the crate open with.
pub async fn other_handshakes() -> Result<Vec<Vector>, Failure> {
    let request = |supported_encodings, config| UdsHandshakeRequest {
        supported_versions: vec![2],
        proxy_id: "zentinel-proxy".into(),
        proxy_version: "0.0.0".into(),
        config,
        supported_encodings,
    };
    let variants = [
        ("json-only", request(vec![UdsEncoding::Json], None)),
        ("no-encodings", request(Vec::new(), None)),
        (
            "config",
            request(vec![UdsEncoding::Json], Some(json!({ "mode": "strict" }))),
        ),
    ];
    let mut vectors = Vec::new();
    for (variant, request) in variants {
        let payload = serde_json::to_vec(&request)?;
        let frame = vector::frame(MessageType::HandshakeRequest, &payload).await?;
        vectors.push(
            Vector::new("HandshakeRequest", variant, Side::Proxy)
                .value(json!(request))
                .json(&frame),
        );
    }
    Ok(vectors)
}

fn full_headers() -> RequestHeadersEvent {
    events::request_headers(ID, "POST", "/full?q=1")
}

fn edge_headers() -> RequestHeadersEvent {
    RequestHeadersEvent {
        metadata: RequestMetadata {
            client_ip: "2001:db8::7".into(),
            client_port: u16::MAX,
            server_name: Some(String::new()),
            route_id: Some("žluťoučký 🐎".into()),
            ..events::bare_metadata(ID)
        },
        headers: events::headers(&[
            ("x-empty", &["", ""]),
            ("x-no-value", &[]),
            (
                "x-text",
                &["quote \" backslash \\ tab \t nul \0", "žluťoučký 🐎"],
            ),
            ("x-long", &["0123456789abcdef0123456789abcdef"]),
        ]),
        ..events::request_headers(ID, "PROPFIND", "/ř?q=%00")
    }
}

fn chunks() -> [(&'static str, Chunk<'static>); 3] {
    let text = Chunk {
        index: 3,
        data: b"some text",
        is_last: true,
        total_size: Some(1 << 40),
        bytes_so_far: 1 << 40,
    };
    let nothing = Chunk {
        index: 0,
        data: b"",
        is_last: false,
        total_size: None,
        bytes_so_far: 0,
    };
    let raw = Chunk {
        index: u32::MAX,
        data: &[0, 1, 127, 128, 254, 255],
        ..text
    };
    [("full", text), ("none", nothing), ("edges", raw)]
}
