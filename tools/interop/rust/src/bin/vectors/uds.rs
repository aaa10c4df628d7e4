// SPDX-License-Identifier: Apache-2.0
//! Records the frames of the crate's UDS client and UDS server.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agentwire_interop_rust::events;
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use zentinel_agent_protocol::v2::uds::{
    AgentClientV2Uds, MessageType, UdsCapabilities, UdsEncoding, UdsHandshakeRequest,
    UdsHandshakeResponse, read_message, write_message,
};
use zentinel_agent_protocol::v2::{
    AgentCapabilities, AgentFeatures, AgentHandlerV2, AgentLimits, HandshakeRequest,
    HandshakeResponse, UdsAgentServerV2,
};
use zentinel_agent_protocol::{AgentResponse, EventType, RequestHeadersEvent};

use crate::proxy_events::{ProxyEvent, Sample};
use crate::vector::{Failure, ID, frame};

const TIMEOUT: Duration = Duration::from_secs(5);
/// A proxy of this name is refused by the recorded server.
pub const REFUSED_PROXY: &str = "refused";

pub struct ClientFrames {
    pub handshake: Vec<u8>,
    pub messages: Vec<Vec<u8>>,
}

pub struct ServerFrames {
    pub accepted: Vec<u8>,
    pub refused: Vec<u8>,
    pub responses: Vec<Vec<u8>>,
    pub pong: Vec<u8>,
}

/// Lets the crate's client send all events to an agent that only writes down what comes.
pub async fn record_client(
    samples: &[Sample],
    encoding: UdsEncoding,
) -> Result<ClientFrames, Failure> {
    let path = socket_path();
    let listener = UnixListener::bind(&path)?;
    let (sender, mut frames) = mpsc::channel(1);
    let recorder = tokio::spawn(record_and_allow(listener, encoding, sender));
    let client = AgentClientV2Uds::new("agent", path.to_string_lossy(), TIMEOUT).await?;
    client.connect().await?;
    let handshake = frames.recv().await.ok_or("no handshake was recorded")?;

    let mut messages = Vec::new();
    for sample in samples {
        send(&client, &sample.event).await?;
        messages.push(frames.recv().await.ok_or("a message was not recorded")?);
    }
    client.close().await?;
    recorder.abort();
    std::fs::remove_file(path)?;
    Ok(ClientFrames {
        handshake,
        messages,
    })
}

async fn send(client: &AgentClientV2Uds, event: &ProxyEvent) -> Result<(), Failure> {
    match event {
        ProxyEvent::RequestHeaders(event) => client.send_request_headers(ID, event).await.map(drop),
        ProxyEvent::RequestChunk(event) => {
            client.send_request_body_chunk(ID, event).await.map(drop)
        }
        ProxyEvent::BinaryRequestChunk(event) => {
            client.send_request_body_chunk_binary(event).await.map(drop)
        }
        ProxyEvent::ResponseHeaders(event) => {
            client.send_response_headers(ID, event).await.map(drop)
        }
        ProxyEvent::ResponseChunk(event) => {
            client.send_response_body_chunk(ID, event).await.map(drop)
        }
        ProxyEvent::BinaryResponseChunk(event) => client
            .send_response_body_chunk_binary(event)
            .await
            .map(drop),
        ProxyEvent::RequestComplete(event) => {
            client.send_request_complete(ID, event).await.map(drop)
        }
        ProxyEvent::WebSocket(event) => client.send_websocket_frame(ID, event).await.map(drop),
        ProxyEvent::Guardrail(event) => client.send_guardrail_inspect(ID, event).await.map(drop),
        ProxyEvent::Configure(config, version) => {
            let payload = configure_payload(config, version.as_deref());
            client.send_configure(ID, &payload).await.map(drop)
        }
        ProxyEvent::Cancel(reason) => client.cancel_request(ID, *reason).await,
        ProxyEvent::Ping => client.ping().await,
    }
    .map_err(Failure::from)
}

/// The object that the crate's own server looks for.
fn configure_payload(config: &Value, version: Option<&str>) -> Value {
    match version {
        Some(version) => json!({ "config": config, "config_version": version }),
        None => json!({ "config": config }),
    }
}

/// An agent for one connection: passes every frame on, and answers what waits for an answer.
async fn record_and_allow(
    listener: UnixListener,
    encoding: UdsEncoding,
    frames: mpsc::Sender<Vec<u8>>,
) -> Result<(), Failure> {
    let (mut stream, _) = listener.accept().await?;
    loop {
        let (message_type, payload) = read_message(&mut stream).await?;
        let recorded = frame(message_type, &payload).await?;
        let answer = match message_type {
            MessageType::HandshakeRequest => Some((
                MessageType::HandshakeResponse,
                serde_json::to_vec(&UdsHandshakeResponse {
                    protocol_version: 2,
                    capabilities: UdsCapabilities::from(capabilities()),
                    success: true,
                    error: None,
                    encoding,
                })?,
            )),
            MessageType::Cancel | MessageType::Ping => None,
            _ => {
                let mut allow = AgentResponse::default_allow();
                allow
                    .audit
                    .custom
                    .insert("correlation_id".into(), ID.into());
                Some((MessageType::AgentResponse, encoding.serialize(&allow)?))
            }
        };
        if let Some((message_type, payload)) = answer {
            write_message(&mut stream, message_type, &payload).await?;
        }
        frames.send(recorded).await?;
    }
}

/// Lets the crate's server send all answers to a proxy that only writes down what comes.
pub async fn record_server(
    responses: &[(&'static str, AgentResponse)],
    encoding: UdsEncoding,
) -> Result<ServerFrames, Failure> {
    let path = socket_path();
    let server = UdsAgentServerV2::new("recorded", &path, scripted(responses));
    let serving = tokio::spawn(async move { server.run().await });

    let mut proxy = connect(&path).await?;
    let accepted = shake_hands(&mut proxy, "zentinel-proxy", encoding).await?;
    let mut recorded = Vec::new();
    for (variant, _) in responses {
        let event = events::request_headers(ID, "GET", variant);
        let payload = encoding.serialize(&event)?;
        recorded.push(exchange(&mut proxy, MessageType::RequestHeaders, &payload).await?);
    }
    let ping = br#"{"sequence":7,"timestamp_ms":1768473000123}"#;
    let pong = exchange(&mut proxy, MessageType::Ping, ping).await?;
    let mut proxy = connect(&path).await?;
    let refused = shake_hands(&mut proxy, REFUSED_PROXY, encoding).await?;

    serving.abort();
    std::fs::remove_file(path)?;
    Ok(ServerFrames {
        accepted,
        refused,
        responses: recorded,
        pong,
    })
}

async fn shake_hands(
    proxy: &mut UnixStream,
    proxy_id: &str,
    encoding: UdsEncoding,
) -> Result<Vec<u8>, Failure> {
    let request = UdsHandshakeRequest {
        supported_versions: vec![2],
        proxy_id: proxy_id.into(),
        proxy_version: "0.0.0".into(),
        config: None,
        supported_encodings: vec![encoding],
    };
    exchange(
        proxy,
        MessageType::HandshakeRequest,
        &serde_json::to_vec(&request)?,
    )
    .await
}

async fn exchange(
    proxy: &mut UnixStream,
    message_type: MessageType,
    payload: &[u8],
) -> Result<Vec<u8>, Failure> {
    write_message(proxy, message_type, payload).await?;
    let (message_type, payload) = tokio::time::timeout(TIMEOUT, read_message(proxy)).await??;
    frame(message_type, &payload).await
}

async fn connect(path: &PathBuf) -> Result<UnixStream, Failure> {
    let attempts = async {
        loop {
            match UnixStream::connect(path).await {
                Ok(stream) => return stream,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    Ok(tokio::time::timeout(TIMEOUT, attempts).await?)
}

/// A handler that answers request headers with the answer of that name.
pub fn scripted(responses: &[(&'static str, AgentResponse)]) -> Box<dyn AgentHandlerV2> {
    Box::new(Scripted(responses.to_vec()))
}

struct Scripted(Vec<(&'static str, AgentResponse)>);

#[async_trait]
impl AgentHandlerV2 for Scripted {
    fn capabilities(&self) -> AgentCapabilities {
        capabilities()
    }

    async fn on_handshake(&self, request: HandshakeRequest) -> HandshakeResponse {
        if request.proxy_id == REFUSED_PROXY {
            HandshakeResponse::failure("not this proxy")
        } else {
            HandshakeResponse::success(self.capabilities())
        }
    }

    async fn on_request_headers(&self, event: RequestHeadersEvent) -> AgentResponse {
        let named = self.0.iter().find(|(variant, _)| *variant == event.uri);
        named.map_or_else(AgentResponse::default_allow, |(_, response)| {
            response.clone()
        })
    }
}

/// Capabilities that say yes to everything.
fn capabilities() -> AgentCapabilities {
    let events = [
        EventType::RequestBodyChunk,
        EventType::ResponseHeaders,
        EventType::ResponseBodyChunk,
        EventType::RequestComplete,
        EventType::WebSocketFrame,
        EventType::GuardrailInspect,
        EventType::Configure,
    ];
    events.into_iter().fold(
        AgentCapabilities::new("agent-1", "Recorded agent", "1.2.3")
            .with_features(AgentFeatures::full())
            .with_limits(AgentLimits {
                max_body_size: 1 << 40,
                max_memory: Some(1 << 33),
                ..AgentLimits::default()
            }),
        AgentCapabilities::with_event,
    )
}

/// A path that no other run has.
pub fn socket_path() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("agentwire-vectors-{}-{count}.sock", std::process::id());
    std::env::temp_dir().join(name)
}
