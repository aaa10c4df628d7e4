// SPDX-License-Identifier: Apache-2.0
//! Records the protobuf messages of the crate's gRPC client and gRPC server, and builds the ones that
//! the crate's client has no call for.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use agentwire_interop_rust::events;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, Streaming};
use zentinel_agent_protocol::AgentResponse;
use zentinel_agent_protocol::grpc_v2::agent_service_v2_client::AgentServiceV2Client;
use zentinel_agent_protocol::grpc_v2::agent_service_v2_server::{
    AgentServiceV2, AgentServiceV2Server,
};
use zentinel_agent_protocol::grpc_v2::proxy_to_agent::Message;
use zentinel_agent_protocol::grpc_v2::{
    self, AgentControl, AgentToProxy, ProxyControl, ProxyToAgent, agent_to_proxy,
};
use zentinel_agent_protocol::v2::{AgentClientV2, GrpcAgentServerV2};

use crate::proxy_events::{ProxyEvent, Sample};
use crate::uds::{REFUSED_PROXY, scripted};
use crate::vector::{Failure, ID};

const TIMEOUT: Duration = Duration::from_secs(5);

pub struct ClientMessages {
    pub handshake: Vec<u8>,
    /// None where the crate's client has no call for the event.
    pub messages: Vec<Option<Vec<u8>>>,
}

pub struct ServerMessages {
    pub accepted: Vec<u8>,
    pub refused: Vec<u8>,
    pub responses: Vec<Vec<u8>>,
    pub pong: Vec<u8>,
    /// What the server sends on a control stream by itself.
    pub heartbeat: Vec<u8>,
}

/// Lets the crate's client send all events to an agent that only writes down what comes.
pub async fn record_client(samples: &[Sample]) -> Result<ClientMessages, Failure> {
    let (sender, mut messages) = mpsc::channel(1);
    let incoming = TcpIncoming::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let url = format!("http://{}", incoming.local_addr()?);
    let service = AgentServiceV2Server::new(Recorder(sender));
    let serving = tokio::spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming),
    );

    let client = AgentClientV2::new("agent", url, TIMEOUT).await?;
    client.connect().await?;
    let handshake = messages.recv().await.ok_or("no handshake was recorded")?;
    let mut recorded = Vec::new();
    for sample in samples {
        recorded.push(if send(&client, &sample.event).await? {
            Some(messages.recv().await.ok_or("a message was not recorded")?)
        } else {
            None
        });
    }
    client.close().await?;
    serving.abort();
    Ok(ClientMessages {
        handshake,
        messages: recorded,
    })
}

/// Whether the crate's client has a call for the event.
async fn send(client: &AgentClientV2, event: &ProxyEvent) -> Result<bool, Failure> {
    match event {
        ProxyEvent::RequestHeaders(event) => client.send_request_headers(ID, event).await.map(drop),
        ProxyEvent::RequestChunk(event) => {
            client.send_request_body_chunk(ID, event).await.map(drop)
        }
        ProxyEvent::ResponseHeaders(event) => {
            client.send_response_headers(ID, event).await.map(drop)
        }
        ProxyEvent::ResponseChunk(event) => {
            client.send_response_body_chunk(ID, event).await.map(drop)
        }
        ProxyEvent::Configure(config, version) => {
            client.send_configure(config.clone(), version.clone()).await
        }
        ProxyEvent::Cancel(reason) => client.cancel_request(ID, *reason).await,
        ProxyEvent::Ping => client.ping().await.map(drop),
        _ => return Ok(false),
    }?;
    Ok(true)
}

/// The envelope of an event that the crate has a message for but its client has no call for.
pub fn build(event: &ProxyEvent) -> Option<Vec<u8>> {
    let message = match event {
        ProxyEvent::RequestComplete(event) => {
            Message::RequestComplete(grpc_v2::RequestCompleteEvent {
                correlation_id: event.correlation_id.clone(),
                status_code: event.status.into(),
                duration_ms: event.duration_ms,
                bytes_received: event.request_body_size as u64,
                bytes_sent: event.response_body_size as u64,
                upstream: event.error.as_ref().map(|_| "backend-1".into()),
                from_cache: event.error.is_some(),
                error: event.error.clone(),
            })
        }
        ProxyEvent::WebSocket(event) => Message::WebsocketFrame(grpc_v2::WebSocketFrameEvent {
            correlation_id: event.correlation_id.clone(),
            client_to_server: event.client_to_server,
            frame_type: frame_type(&event.opcode)?,
            payload: STANDARD.decode(&event.data).ok()?,
        }),
        ProxyEvent::Guardrail(event) => Message::Guardrail(grpc_v2::GuardrailInspectEvent {
            correlation_id: event.correlation_id.clone(),
            content: event.content.clone(),
            content_type: grpc_v2::GuardrailContentType::Prompt.into(),
            model: event.model.clone(),
            context_json: json!(event.metadata).to_string(),
        }),
        _ => return None,
    };
    let envelope = ProxyToAgent {
        message: Some(message),
    };
    Some(envelope.encode_to_vec())
}

/// The protocol buffers know no continuation.
fn frame_type(opcode: &str) -> Option<i32> {
    use grpc_v2::web_socket_frame_event::FrameType;

    let frame_type = match opcode {
        "text" => FrameType::Text,
        "binary" => FrameType::Binary,
        "ping" => FrameType::Ping,
        "pong" => FrameType::Pong,
        "close" => FrameType::Close,
        _ => return None,
    };
    Some(frame_type.into())
}

/// An agent that passes every message on, and answers what waits for an answer.
struct Recorder(mpsc::Sender<Vec<u8>>);

#[async_trait]
impl AgentServiceV2 for Recorder {
    type ProcessStreamStream = ReceiverStream<Result<AgentToProxy, Status>>;
    type ControlStreamStream = ReceiverStream<Result<ProxyControl, Status>>;

    async fn process_stream(
        &self,
        request: Request<Streaming<ProxyToAgent>>,
    ) -> Result<Response<Self::ProcessStreamStream>, Status> {
        let recorder = self.0.clone();
        let (sender, receiver) = mpsc::channel(1);
        let mut inbound = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(message)) = inbound.next().await {
                if let Some(answer) = answer(&message)
                    && sender.send(Ok(answer)).await.is_err()
                {
                    return;
                }
                if recorder.send(message.encode_to_vec()).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn control_stream(
        &self,
        _request: Request<Streaming<AgentControl>>,
    ) -> Result<Response<Self::ControlStreamStream>, Status> {
        Err(Status::unimplemented("nothing to record here"))
    }

    async fn process_event(
        &self,
        _request: Request<ProxyToAgent>,
    ) -> Result<Response<AgentToProxy>, Status> {
        Err(Status::unimplemented("nothing to record here"))
    }
}

fn answer(message: &ProxyToAgent) -> Option<AgentToProxy> {
    let answer = match message.message {
        Some(Message::Handshake(_)) => {
            agent_to_proxy::Message::Handshake(grpc_v2::HandshakeResponse {
                protocol_version: 2,
                success: true,
                ..Default::default()
            })
        }
        Some(Message::Cancel(_) | Message::Configure(_) | Message::Ping(_)) => return None,
        _ => agent_to_proxy::Message::Response(grpc_v2::AgentResponse {
            correlation_id: ID.into(),
            ..Default::default()
        }),
    };
    Some(AgentToProxy {
        message: Some(answer),
    })
}

/// Lets the crate's server send all answers to a proxy that only writes down what comes.
pub async fn record_server(
    responses: &[(&'static str, AgentResponse)],
) -> Result<ServerMessages, Failure> {
    let incoming = TcpIncoming::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let url = format!("http://{}", incoming.local_addr()?);
    let service = GrpcAgentServerV2::new("recorded", scripted(responses)).into_service();
    let serving = tokio::spawn(
        Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming),
    );
    let mut client = AgentServiceV2Client::connect(url).await?;

    let mut refused = exchange(&mut client, vec![handshake(REFUSED_PROXY)]).await?;
    let mut messages = vec![handshake("zentinel-proxy")];
    for (variant, _) in responses {
        messages.push(request_headers(variant));
    }
    messages.push(Message::Ping(grpc_v2::Ping {
        sequence: 7,
        timestamp_ms: 1_768_473_000_123,
    }));
    let mut answers = exchange(&mut client, messages).await?;
    let pong = answers.pop().ok_or("no pong was recorded")?;
    let accepted = answers.remove(0);
    let heartbeat = first_control_message(&mut client).await?;
    serving.abort();
    Ok(ServerMessages {
        accepted,
        refused: refused.remove(0),
        responses: answers,
        pong,
        heartbeat,
    })
}

type Client = AgentServiceV2Client<tonic::transport::Channel>;

/// Sends one message after the other on one stream and takes the answer to each.
async fn exchange(client: &mut Client, messages: Vec<Message>) -> Result<Vec<Vec<u8>>, Failure> {
    let (sender, receiver) = mpsc::channel(1);
    let answers = client.process_stream(ReceiverStream::new(receiver)).await?;
    let mut answers = answers.into_inner();
    let mut recorded = Vec::new();
    for message in messages {
        let envelope = ProxyToAgent {
            message: Some(message),
        };
        sender.send(envelope).await?;
        let answer = tokio::time::timeout(TIMEOUT, answers.message()).await??;
        recorded.push(answer.ok_or("the stream ended")?.encode_to_vec());
    }
    Ok(recorded)
}

async fn first_control_message(client: &mut Client) -> Result<Vec<u8>, Failure> {
    // The stream must stay open on our side for as long as something is awaited on it.
    let (_open, receiver) = mpsc::channel(1);
    let messages = client.control_stream(ReceiverStream::new(receiver)).await?;
    let first = tokio::time::timeout(TIMEOUT, messages.into_inner().message()).await??;
    Ok(first.ok_or("the stream ended")?.encode_to_vec())
}

fn handshake(proxy_id: &str) -> Message {
    Message::Handshake(grpc_v2::HandshakeRequest {
        supported_versions: vec![2],
        proxy_id: proxy_id.into(),
        proxy_version: "0.0.0".into(),
        config_json: "{}".into(),
    })
}

/// The URI chooses the answer of the scripted handler.
fn request_headers(uri: &str) -> Message {
    let event = events::request_headers(ID, "GET", uri);
    Message::RequestHeaders(grpc_v2::RequestHeadersEvent {
        metadata: Some(grpc_v2::RequestMetadata {
            correlation_id: ID.into(),
            ..Default::default()
        }),
        method: event.method,
        uri: event.uri,
        ..Default::default()
    })
}
