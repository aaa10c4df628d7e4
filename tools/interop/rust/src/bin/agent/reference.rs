// SPDX-License-Identifier: Apache-2.0
//! The behaviour that the reference agents in all languages share: the path of the request decides.
//!
//! What the crate does not let a handler do: see guardrail inspections, be told of a cancellation,
//! answer two events of one connection at the same time, or fail without taking the connection along.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use zentinel_agent_protocol::v2::{AgentCapabilities, AgentFeatures, AgentHandlerV2};
use zentinel_agent_protocol::{
    AgentResponse, AuditMetadata, BodyMutation, Decision, EventType, HeaderOp,
    RequestBodyChunkEvent, RequestCompleteEvent, RequestHeadersEvent, ResponseBodyChunkEvent,
    ResponseHeadersEvent, WebSocketFrameEvent,
};

/// No event says for sure that a request is over, so what is remembered is bounded by number.
const MAX_REMEMBERED: usize = 10_000;
const MAX_SLOW_MS: u64 = 60_000;

#[derive(Default)]
pub struct ReferenceAgent {
    requests: Mutex<Requests>,
}

#[async_trait]
impl AgentHandlerV2 for ReferenceAgent {
    fn capabilities(&self) -> AgentCapabilities {
        let events = [
            EventType::RequestBodyChunk,
            EventType::ResponseHeaders,
            EventType::ResponseBodyChunk,
            EventType::RequestComplete,
            EventType::WebSocketFrame,
            EventType::Configure,
        ];
        events.into_iter().fold(
            AgentCapabilities::new("reference", "reference", env!("CARGO_PKG_VERSION"))
                .with_features(AgentFeatures {
                    streaming_body: true,
                    websocket: true,
                    config_push: true,
                    concurrent_requests: 100,
                    ..AgentFeatures::default()
                }),
            AgentCapabilities::with_event,
        )
    }

    async fn on_request_headers(&self, event: RequestHeadersEvent) -> AgentResponse {
        let (path, query) = event.uri.split_once('?').unwrap_or((&event.uri, ""));
        let behaviour = match path {
            "/mutate" => Some(Behaviour::Mutate),
            "/needs-more" => Some(Behaviour::NeedsMore),
            "/transform" => Some(Behaviour::Transform),
            _ => None,
        };
        self.requests
            .lock()
            .unwrap()
            .begin(event.metadata.correlation_id, behaviour);
        match path {
            "/block" => block_with_header(),
            "/redirect" => AgentResponse::redirect("https://example.test/login".into(), 302),
            "/challenge" => challenge(),
            "/mutate" => mutate(),
            "/needs-more" | "/transform" => AgentResponse::needs_more_data(),
            "/slow" => {
                tokio::time::sleep(slowness(query)).await;
                allow_seen()
            }
            "/throw" => panic!("asked for by /throw"),
            _ => allow_seen(),
        }
    }

    async fn on_request_body_chunk(&self, event: RequestBodyChunkEvent) -> AgentResponse {
        let data = decode(&event.data);
        let mut requests = self.requests.lock().unwrap();
        match requests.behaviour(&event.correlation_id) {
            Some(Behaviour::NeedsMore) => {
                let body = requests.append(&event.correlation_id, &data);
                if !event.is_last {
                    return AgentResponse::needs_more_data();
                }
                let attacked = contains(body, b"attack");
                requests.end(&event.correlation_id);
                if attacked {
                    AgentResponse::block(403, Some("attack in body".into()))
                } else {
                    AgentResponse::default_allow()
                }
            }
            Some(Behaviour::Transform) => AgentResponse::default_allow()
                .with_request_body_mutation(transform(event.chunk_index, &data))
                .set_needs_more(!event.is_last),
            _ => AgentResponse::default_allow(),
        }
    }

    async fn on_response_headers(&self, event: ResponseHeadersEvent) -> AgentResponse {
        if event.status == 418 {
            return AgentResponse::block(502, None);
        }
        let requests = self.requests.lock().unwrap();
        match requests.behaviour(&event.correlation_id) {
            Some(Behaviour::Mutate) => {
                AgentResponse::default_allow().add_response_header(set("x-agent-resp", "1"))
            }
            Some(Behaviour::Transform) => AgentResponse::needs_more_data(),
            _ => AgentResponse::default_allow(),
        }
    }

    async fn on_response_body_chunk(&self, event: ResponseBodyChunkEvent) -> AgentResponse {
        let requests = self.requests.lock().unwrap();
        match requests.behaviour(&event.correlation_id) {
            Some(Behaviour::Transform) => AgentResponse::default_allow()
                .with_response_body_mutation(transform(event.chunk_index, &decode(&event.data)))
                .set_needs_more(!event.is_last),
            _ => AgentResponse::default_allow(),
        }
    }

    async fn on_request_complete(&self, event: RequestCompleteEvent) -> AgentResponse {
        self.requests.lock().unwrap().end(&event.correlation_id);
        AgentResponse::default_allow()
    }

    async fn on_websocket_frame(&self, event: WebSocketFrameEvent) -> AgentResponse {
        // Over gRPC the crate hands over the number of the frame type instead of its name.
        let is_text = event.opcode == "text" || event.opcode == "1";
        match decode(&event.data).as_slice() {
            b"bad" if is_text => AgentResponse::websocket_close(1008, "bad word".into()),
            b"drop" if is_text => AgentResponse::websocket_drop(),
            _ => AgentResponse::websocket_allow(),
        }
    }

    async fn on_configure(&self, config: Value, _version: Option<String>) -> bool {
        config.get("reject") != Some(&Value::Bool(true))
    }
}

/// What later events of a request are to be answered with.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Mutate,
    NeedsMore,
    Transform,
}

/// The requests whose later events need more than an allow, by correlation id.
#[derive(Default)]
struct Requests {
    by_id: HashMap<String, (Behaviour, Vec<u8>)>,
    oldest_first: VecDeque<String>,
}

impl Requests {
    fn begin(&mut self, id: String, behaviour: Option<Behaviour>) {
        self.end(&id);
        let Some(behaviour) = behaviour else { return };
        if self.by_id.len() == MAX_REMEMBERED
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.oldest_first.push_back(id.clone());
        self.by_id.insert(id, (behaviour, Vec::new()));
    }

    fn end(&mut self, id: &str) {
        if self.by_id.remove(id).is_some() {
            self.oldest_first.retain(|known| known != id);
        }
    }

    fn behaviour(&self, id: &str) -> Option<Behaviour> {
        self.by_id.get(id).map(|(behaviour, _)| *behaviour)
    }

    /// Adds to the body of a known request and gives back all that has come of it.
    fn append(&mut self, id: &str, data: &[u8]) -> &[u8] {
        match self.by_id.get_mut(id) {
            Some((_, body)) => {
                body.extend_from_slice(data);
                body
            }
            None => &[],
        }
    }
}

fn allow_seen() -> AgentResponse {
    AgentResponse::default_allow()
        .add_request_header(set("x-agent", "allow"))
        .with_audit(AuditMetadata {
            tags: vec!["seen".into()],
            ..AuditMetadata::default()
        })
}

fn block_with_header() -> AgentResponse {
    AgentResponse {
        decision: Decision::Block {
            status: 403,
            body: Some("blocked by agent".into()),
            headers: Some(HashMap::from([("x-agent".into(), "block".into())])),
        },
        ..AgentResponse::default_allow()
    }
}

fn challenge() -> AgentResponse {
    AgentResponse {
        decision: Decision::Challenge {
            challenge_type: "captcha".into(),
            params: HashMap::from([("site_key".into(), "k1".into())]),
        },
        ..AgentResponse::default_allow()
    }
}

fn mutate() -> AgentResponse {
    AgentResponse::default_allow()
        .add_request_header(set("x-agent-set", "1"))
        .add_request_header(add("x-agent-add", "1"))
        .add_request_header(add("x-agent-add", "2"))
        .add_request_header(HeaderOp::Remove {
            name: "x-remove-me".into(),
        })
        .add_response_header(set("x-agent-resp", "1"))
        .with_audit(AuditMetadata {
            tags: vec!["mutated".into()],
            rule_ids: vec!["r-1".into()],
            confidence: Some(0.5),
            reason_codes: vec!["TEST".into()],
            custom: HashMap::from([("k".into(), "v".into())]),
        })
}

fn transform(index: u32, data: &[u8]) -> BodyMutation {
    if data.starts_with(b"pass") {
        BodyMutation::pass_through(index)
    } else if data.starts_with(b"drop") {
        BodyMutation::drop_chunk(index)
    } else {
        BodyMutation::replace(index, STANDARD.encode(data.to_ascii_uppercase()))
    }
}

fn slowness(query: &str) -> Duration {
    let asked = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("ms="))
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    Duration::from_millis(MAX_SLOW_MS.min(asked))
}

/// The crate hands bodies over as base64; text that is not base64 stands for itself, as in the crate.
fn decode(data: &str) -> Vec<u8> {
    STANDARD
        .decode(data)
        .unwrap_or_else(|_| data.as_bytes().to_vec())
}

fn contains(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|window| window == word)
}

fn set(name: &str, value: &str) -> HeaderOp {
    HeaderOp::Set {
        name: name.into(),
        value: value.into(),
    }
}

fn add(name: &str, value: &str) -> HeaderOp {
    HeaderOp::Add {
        name: name.into(),
        value: value.into(),
    }
}
