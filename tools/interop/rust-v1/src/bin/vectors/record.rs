// SPDX-License-Identifier: Apache-2.0
//! Records the frames of the crate's client and server of version 1.

use std::path::Path;
use std::time::Duration;

use agentwire_interop_rust::{events, socket_path, wait_for_socket};
use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use zentinel_agent_protocol::{
    AgentClient, AgentHandler, AgentResponse, AgentServer, ConfigureEvent, EventType,
    RequestHeadersEvent,
};

use crate::proxy_events::{ProxyEvent, Sample};
use crate::vector::{Failure, ID};

const TIMEOUT: Duration = Duration::from_secs(5);
const LENGTH_BYTES: usize = 4;

/// What the client is given: the kind of event, and the event as a value, which is what it makes of it anyway.
pub type Question = (EventType, Value);

/// What version 1 has for a sample; nothing for what it does not have.
pub fn question(sample: &Sample) -> Option<Question> {
    match &sample.event {
        ProxyEvent::RequestHeaders(event) => Some((EventType::RequestHeaders, json!(event))),
        ProxyEvent::RequestChunk(event) => Some((EventType::RequestBodyChunk, json!(event))),
        ProxyEvent::ResponseHeaders(event) => Some((EventType::ResponseHeaders, json!(event))),
        ProxyEvent::ResponseChunk(event) => Some((EventType::ResponseBodyChunk, json!(event))),
        ProxyEvent::RequestComplete(event) => Some((EventType::RequestComplete, json!(event))),
        ProxyEvent::WebSocket(event) => Some((EventType::WebSocketFrame, json!(event))),
        ProxyEvent::Guardrail(event) => Some((EventType::GuardrailInspect, json!(event))),
        ProxyEvent::Configure(config, _version) => {
            let event = ConfigureEvent {
                agent_id: "agent-1".into(),
                config: config.clone(),
            };
            Some((EventType::Configure, json!(event)))
        }
        ProxyEvent::BinaryRequestChunk(_)
        | ProxyEvent::BinaryResponseChunk(_)
        | ProxyEvent::Cancel(_)
        | ProxyEvent::Ping => None,
    }
}

/// Lets the crate's client send all events to an agent that only writes down what comes.
pub async fn client(questions: impl Iterator<Item = &Question>) -> Result<Vec<Vec<u8>>, Failure> {
    let path = socket_path();
    let listener = UnixListener::bind(&path)?;
    let (sender, mut frames) = mpsc::channel(1);
    let recorder = tokio::spawn(record_and_allow(listener, sender));
    let mut client = AgentClient::unix_socket("proxy", &path, TIMEOUT).await?;
    let mut recorded = Vec::new();
    for (event_type, event) in questions {
        client.send_event(*event_type, event).await?;
        recorded.push(frames.recv().await.ok_or("a message was not recorded")?);
    }
    client.close().await?;
    recorder.abort();
    std::fs::remove_file(path)?;
    Ok(recorded)
}

async fn record_and_allow(
    listener: UnixListener,
    frames: mpsc::Sender<Vec<u8>>,
) -> Result<(), Failure> {
    let (mut stream, _) = listener.accept().await?;
    let allow = serde_json::to_vec(&AgentResponse::default_allow())?;
    loop {
        let frame = read_frame(&mut stream).await?;
        write_frame(&mut stream, &allow).await?;
        frames.send(frame).await?;
    }
}

/// Lets the crate's server send all answers to a proxy that only writes down what comes.
pub async fn server(responses: &[(&'static str, AgentResponse)]) -> Result<Vec<Vec<u8>>, Failure> {
    let path = socket_path();
    let server = AgentServer::new("recorded", &path, Box::new(Scripted(responses.to_vec())));
    let serving = tokio::spawn(async move { server.run().await });
    let recorded = tokio::time::timeout(TIMEOUT, ask_for_all(&path, responses)).await?;
    serving.abort();
    std::fs::remove_file(path)?;
    recorded
}

async fn ask_for_all(
    path: &Path,
    responses: &[(&'static str, AgentResponse)],
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut proxy = wait_for_socket(path).await;
    let mut recorded = Vec::new();
    for (variant, _) in responses {
        let payload = events::request_headers(ID, "GET", variant);
        let question = json!({ "version": 1, "event_type": "request_headers", "payload": payload });
        write_frame(&mut proxy, &serde_json::to_vec(&question)?).await?;
        recorded.push(read_frame(&mut proxy).await?);
    }
    Ok(recorded)
}

async fn write_frame(stream: &mut UnixStream, payload: &[u8]) -> Result<(), Failure> {
    stream.write_u32(u32::try_from(payload.len())?).await?;
    Ok(stream.write_all(payload).await?)
}

/// A whole frame, its length included.
async fn read_frame(stream: &mut UnixStream) -> Result<Vec<u8>, Failure> {
    let length = stream.read_u32().await?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.resize(LENGTH_BYTES + length as usize, 0);
    stream.read_exact(&mut frame[LENGTH_BYTES..]).await?;
    Ok(frame)
}

/// A handler that answers request headers with the answer of that name.
struct Scripted(Vec<(&'static str, AgentResponse)>);

#[async_trait]
impl AgentHandler for Scripted {
    async fn on_request_headers(&self, event: RequestHeadersEvent) -> AgentResponse {
        let named = self.0.iter().find(|(variant, _)| *variant == event.uri);
        named.map_or_else(AgentResponse::default_allow, |(_, response)| {
            response.clone()
        })
    }
}
