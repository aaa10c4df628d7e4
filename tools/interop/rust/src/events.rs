// SPDX-License-Identifier: Apache-2.0
//! Builders of the crate's events, with values that can be recognised on the other side.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zentinel_agent_protocol::{
    BinaryRequestBodyChunkEvent, BinaryResponseBodyChunkEvent, GuardrailInspectEvent,
    GuardrailInspectionType, RequestBodyChunkEvent, RequestCompleteEvent, RequestHeadersEvent,
    RequestMetadata, ResponseBodyChunkEvent, ResponseHeadersEvent, WebSocketFrameEvent,
};

pub type Headers = HashMap<String, Vec<String>>;

pub fn headers(pairs: &[(&str, &[&str])]) -> Headers {
    pairs
        .iter()
        .map(|(name, values)| {
            let values = values.iter().map(|value| value.to_string()).collect();
            (name.to_string(), values)
        })
        .collect()
}

/// Metadata with every optional field filled.
pub fn full_metadata(id: &str) -> RequestMetadata {
    RequestMetadata {
        correlation_id: id.into(),
        request_id: format!("{id}-request"),
        client_ip: "203.0.113.7".into(),
        client_port: 51_234,
        server_name: Some("www.example.test".into()),
        protocol: "HTTP/1.1".into(),
        tls_version: Some("TLSv1.3".into()),
        tls_cipher: Some("TLS_AES_128_GCM_SHA256".into()),
        route_id: Some("api-main".into()),
        upstream_id: Some("backend-pool".into()),
        timestamp: "2026-01-15T10:30:00.123Z".into(),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
    }
}

/// Metadata with no optional field at all.
pub fn bare_metadata(id: &str) -> RequestMetadata {
    RequestMetadata {
        server_name: None,
        tls_version: None,
        tls_cipher: None,
        route_id: None,
        upstream_id: None,
        traceparent: None,
        ..full_metadata(id)
    }
}

pub fn request_headers(id: &str, method: &str, uri: &str) -> RequestHeadersEvent {
    RequestHeadersEvent {
        metadata: full_metadata(id),
        method: method.into(),
        uri: uri.into(),
        headers: headers(&[
            ("host", &["www.example.test"]),
            ("x-twice", &["first", "second"]),
            ("x-remove-me", &["1"]),
        ]),
    }
}

/// Request headers with nothing optional in them.
pub fn bare_request_headers(id: &str) -> RequestHeadersEvent {
    RequestHeadersEvent {
        metadata: bare_metadata(id),
        headers: Headers::new(),
        ..request_headers(id, "GET", "/")
    }
}

/// One chunk of a body: where it stands in the body, and its bytes.
#[derive(Clone, Copy)]
pub struct Chunk<'a> {
    pub index: u32,
    pub data: &'a [u8],
    pub is_last: bool,
    pub total_size: Option<usize>,
    /// Bytes of the body up to and including this chunk.
    pub bytes_so_far: usize,
}

/// Cuts a body as given; the length of the whole is announced.
pub fn chunks<'a>(parts: &[&'a [u8]]) -> Vec<Chunk<'a>> {
    let total = parts.iter().map(|part| part.len()).sum();
    let mut bytes_so_far = 0;
    parts
        .iter()
        .enumerate()
        .map(|(index, data)| {
            bytes_so_far += data.len();
            Chunk {
                index: index as u32,
                data,
                is_last: index + 1 == parts.len(),
                total_size: Some(total),
                bytes_so_far,
            }
        })
        .collect()
}

pub fn request_chunk(id: &str, chunk: Chunk) -> RequestBodyChunkEvent {
    RequestBodyChunkEvent {
        correlation_id: id.into(),
        data: STANDARD.encode(chunk.data),
        is_last: chunk.is_last,
        total_size: chunk.total_size,
        chunk_index: chunk.index,
        bytes_received: chunk.bytes_so_far,
    }
}

pub fn response_chunk(id: &str, chunk: Chunk) -> ResponseBodyChunkEvent {
    ResponseBodyChunkEvent {
        correlation_id: id.into(),
        data: STANDARD.encode(chunk.data),
        is_last: chunk.is_last,
        total_size: chunk.total_size,
        chunk_index: chunk.index,
        bytes_sent: chunk.bytes_so_far,
    }
}

pub fn binary_request_chunk(id: &str, chunk: Chunk) -> BinaryRequestBodyChunkEvent {
    BinaryRequestBodyChunkEvent {
        correlation_id: id.into(),
        data: chunk.data.to_vec().into(),
        is_last: chunk.is_last,
        total_size: chunk.total_size,
        chunk_index: chunk.index,
        bytes_received: chunk.bytes_so_far,
    }
}

pub fn binary_response_chunk(id: &str, chunk: Chunk) -> BinaryResponseBodyChunkEvent {
    BinaryResponseBodyChunkEvent {
        correlation_id: id.into(),
        data: chunk.data.to_vec().into(),
        is_last: chunk.is_last,
        total_size: chunk.total_size,
        chunk_index: chunk.index,
        bytes_sent: chunk.bytes_so_far,
    }
}

pub fn response_headers(id: &str, status: u16) -> ResponseHeadersEvent {
    ResponseHeadersEvent {
        correlation_id: id.into(),
        status,
        headers: headers(&[
            ("content-type", &["text/plain"]),
            ("set-cookie", &["a=1", "b=2"]),
        ]),
    }
}

pub fn request_complete(id: &str, error: Option<&str>) -> RequestCompleteEvent {
    RequestCompleteEvent {
        correlation_id: id.into(),
        status: 200,
        duration_ms: 12,
        request_body_size: 34,
        response_body_size: 56,
        upstream_attempts: 1,
        error: error.map(str::to_owned),
    }
}

pub fn websocket_frame(id: &str, opcode: &str, data: &[u8]) -> WebSocketFrameEvent {
    WebSocketFrameEvent {
        correlation_id: id.into(),
        opcode: opcode.into(),
        data: STANDARD.encode(data),
        client_to_server: true,
        frame_index: 0,
        fin: true,
        route_id: Some("ws-main".into()),
        client_ip: "203.0.113.7".into(),
    }
}

/// A guardrail inspection with every optional field filled.
pub fn guardrail(id: &str, content: &str) -> GuardrailInspectEvent {
    GuardrailInspectEvent {
        correlation_id: id.into(),
        inspection_type: GuardrailInspectionType::PromptInjection,
        content: content.into(),
        model: Some("model-1".into()),
        categories: vec!["email".into(), "phone".into()],
        route_id: Some("api-main".into()),
        metadata: HashMap::from([("tenant".into(), "t-1".into())]),
    }
}

/// A guardrail inspection of the other type, with nothing optional in it.
pub fn bare_guardrail(id: &str) -> GuardrailInspectEvent {
    GuardrailInspectEvent {
        inspection_type: GuardrailInspectionType::PiiDetection,
        model: None,
        categories: Vec::new(),
        route_id: None,
        metadata: HashMap::new(),
        ..guardrail(id, "")
    }
}
