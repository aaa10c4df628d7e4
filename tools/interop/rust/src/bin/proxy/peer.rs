// SPDX-License-Identifier: Apache-2.0
//! One face for the crate's clients and its pool, so that a scenario is written once.
//!
//! Not every client has every call. What one lacks is reported as an error that begins with
//! "no such call", to tell it from an error that the crate itself gave.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use agentwire_interop_rust::endpoint::{AGENT_ID, Callbacks, Endpoint};
use serde_json::{Value, json};
use zentinel_agent_protocol::v2::{
    AgentPool, AgentPoolConfig, CancelReason, ReverseConnectionConfig, ReverseConnectionListener,
    V2Transport,
};
use zentinel_agent_protocol::{
    AgentProtocolError, AgentResponse, BinaryRequestBodyChunkEvent, BinaryResponseBodyChunkEvent,
    EventType, GuardrailInspectEvent, RequestBodyChunkEvent, RequestCompleteEvent,
    RequestHeadersEvent, ResponseBodyChunkEvent, ResponseHeadersEvent, WebSocketFrameEvent,
};

type Answer = Result<AgentResponse, AgentProtocolError>;
type Outcome<T> = Result<T, AgentProtocolError>;

/// How a scenario comes to its peer: a new connection each time, or the agents that registered.
pub enum Connector {
    Client(Endpoint, Duration),
    Pool(Endpoint, Duration),
    Registered(Arc<AgentPool>, Duration),
}

impl Connector {
    /// Listens for agents that connect by themselves. The line that says so goes to stderr, because
    /// stdout is for the one JSON document.
    pub async fn reverse(path: &str, token: Option<String>, timeout: Duration) -> Outcome<Self> {
        let config = ReverseConnectionConfig {
            require_auth: token.is_some(),
            auth_tokens: token.into_iter().collect::<HashSet<_>>(),
            request_timeout: timeout,
            ..ReverseConnectionConfig::default()
        };
        let listener = Arc::new(ReverseConnectionListener::bind_uds(path, config).await?);
        let pool = Arc::new(AgentPool::with_config(pool_config(timeout)));
        tokio::spawn(listener.accept_loop(Arc::clone(&pool)));
        eprintln!("listening unix:{path}");
        Ok(Self::Registered(pool, timeout))
    }

    pub async fn connect(&self, callbacks: &Callbacks) -> Outcome<Peer> {
        match self {
            Self::Client(endpoint, timeout) => {
                Ok(Peer::Client(endpoint.connect(*timeout, callbacks).await?))
            }
            Self::Pool(endpoint, timeout) => {
                let pool = AgentPool::with_config(pool_config(*timeout));
                pool.add_agent(AGENT_ID, endpoint.for_pool()).await?;
                Ok(Peer::Pool(Arc::new(pool), AGENT_ID.into()))
            }
            Self::Registered(pool, timeout) => {
                let agent = first_healthy_agent(pool, *timeout).await?;
                Ok(Peer::Registered(Arc::clone(pool), agent))
            }
        }
    }
}

fn pool_config(timeout: Duration) -> AgentPoolConfig {
    AgentPoolConfig {
        connect_timeout: timeout,
        request_timeout: timeout,
        ..AgentPoolConfig::default()
    }
}

/// Waits ten times as long as for an answer: an agent that lost its connection has to come back first.
async fn first_healthy_agent(pool: &AgentPool, timeout: Duration) -> Outcome<String> {
    let search = async {
        loop {
            let healthy = |id: &String| pool.is_agent_healthy(id);
            if let Some(id) = pool.agent_ids().into_iter().find(healthy) {
                return id;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(timeout * 10, search)
        .await
        .map_err(|_| AgentProtocolError::Timeout(timeout * 10))
}

#[expect(clippy::large_enum_variant, reason = "there is one of these at a time")]
pub enum Peer {
    Client(V2Transport),
    Pool(Arc<AgentPool>, String),
    Registered(Arc<AgentPool>, String),
}

impl Peer {
    pub async fn request_headers(&self, id: &str, event: &RequestHeadersEvent) -> Answer {
        match self {
            Self::Client(client) => client.send_request_headers(id, event).await,
            Self::Pool(pool, agent) | Self::Registered(pool, agent) => {
                pool.send_request_headers(agent, id, event).await
            }
        }
    }

    pub async fn request_chunk(&self, id: &str, event: &RequestBodyChunkEvent) -> Answer {
        match self {
            Self::Client(client) => client.send_request_body_chunk(id, event).await,
            Self::Pool(pool, agent) | Self::Registered(pool, agent) => {
                pool.send_request_body_chunk(agent, id, event).await
            }
        }
    }

    pub async fn response_headers(&self, id: &str, event: &ResponseHeadersEvent) -> Answer {
        match self {
            Self::Client(client) => client.send_response_headers(id, event).await,
            Self::Pool(pool, agent) | Self::Registered(pool, agent) => {
                pool.send_response_headers(agent, id, event).await
            }
        }
    }

    pub async fn response_chunk(&self, id: &str, event: &ResponseBodyChunkEvent) -> Answer {
        match self {
            Self::Client(client) => client.send_response_body_chunk(id, event).await,
            Self::Pool(pool, agent) | Self::Registered(pool, agent) => {
                pool.send_response_body_chunk(agent, id, event).await
            }
        }
    }

    pub async fn binary_request_chunk(&self, event: &BinaryRequestBodyChunkEvent) -> Answer {
        match self {
            Self::Client(V2Transport::Uds(client)) => {
                client.send_request_body_chunk_binary(event).await
            }
            _ => self.no_such_call(),
        }
    }

    pub async fn binary_response_chunk(&self, event: &BinaryResponseBodyChunkEvent) -> Answer {
        match self {
            Self::Client(V2Transport::Uds(client)) => {
                client.send_response_body_chunk_binary(event).await
            }
            _ => self.no_such_call(),
        }
    }

    pub async fn request_complete(&self, id: &str, event: &RequestCompleteEvent) -> Answer {
        match self {
            Self::Client(V2Transport::Uds(client)) => client.send_request_complete(id, event).await,
            Self::Client(V2Transport::Grpc(client)) => {
                client.send_event(EventType::RequestComplete, event).await
            }
            _ => self.no_such_call(),
        }
    }

    pub async fn websocket_frame(&self, id: &str, event: &WebSocketFrameEvent) -> Answer {
        match self {
            Self::Client(V2Transport::Uds(client)) => client.send_websocket_frame(id, event).await,
            Self::Client(V2Transport::Grpc(client)) => {
                client.send_event(EventType::WebSocketFrame, event).await
            }
            _ => self.no_such_call(),
        }
    }

    pub async fn guardrail(&self, id: &str, event: &GuardrailInspectEvent) -> Answer {
        match self {
            Self::Client(client) => client.send_guardrail_inspect(id, event).await,
            Self::Pool(pool, agent) | Self::Registered(pool, agent) => {
                pool.send_guardrail_inspect(agent, id, event).await
            }
        }
    }

    /// Over UDS the agent answers; over gRPC the crate sends and waits for nothing.
    pub async fn configure(
        &self,
        id: &str,
        config: Value,
        version: &str,
    ) -> Outcome<Option<AgentResponse>> {
        match self {
            Self::Client(V2Transport::Uds(client)) => {
                let payload = json!({ "config": config, "config_version": version });
                client.send_configure(id, &payload).await.map(Some)
            }
            Self::Client(V2Transport::Grpc(client)) => client
                .send_configure(config, Some(version.into()))
                .await
                .map(|()| None),
            _ => self.no_such_call(),
        }
    }

    pub async fn cancel(&self, id: &str, reason: CancelReason) -> Outcome<()> {
        match self {
            Self::Client(client) => client.cancel_request(id, reason).await,
            Self::Pool(pool, agent) | Self::Registered(pool, agent) => {
                pool.cancel_request(agent, id, reason).await
            }
        }
    }

    /// How many requests the crate cancelled.
    pub async fn cancel_all(&self, reason: CancelReason) -> Outcome<usize> {
        match self {
            Self::Client(client) => client.cancel_all(reason).await,
            _ => self.no_such_call(),
        }
    }

    /// That the ping was sent; no client of the crate tells of the pong.
    pub async fn ping(&self) -> Outcome<()> {
        match self {
            Self::Client(V2Transport::Uds(client)) => client.ping().await,
            Self::Client(V2Transport::Grpc(client)) => client.ping().await.map(|_placeholder| ()),
            _ => self.no_such_call(),
        }
    }

    /// What the crate took from the handshake.
    pub async fn handshake(&self) -> Outcome<Value> {
        Ok(match self {
            Self::Client(client) => json!({
                "capabilities": client.capabilities().await,
                "encoding": match client {
                    V2Transport::Uds(client) => json!(client.encoding().await),
                    _ => Value::Null,
                },
                "protocol_version": match client {
                    V2Transport::Grpc(client) => json!(client.protocol_version()),
                    _ => Value::Null,
                },
            }),
            Self::Pool(pool, agent) | Self::Registered(pool, agent) => {
                json!({ "capabilities": pool.agent_capabilities(agent).await })
            }
        })
    }

    /// What the crate believes about the agent's state.
    pub async fn health(&self) -> Outcome<Value> {
        Ok(match self {
            Self::Client(client) => json!({
                "is_connected": client.is_connected().await,
                "can_accept_requests": client.can_accept_requests().await,
                "health_state": match client {
                    V2Transport::Grpc(client) => json!(client.health_state().await),
                    _ => Value::Null,
                },
            }),
            Self::Pool(pool, agent) | Self::Registered(pool, agent) => {
                let stats = pool.agent_stats(agent).await;
                json!({
                    "is_agent_healthy": pool.is_agent_healthy(agent),
                    "active_connections": stats.as_ref().map(|stats| stats.active_connections),
                    "healthy_connections": stats.as_ref().map(|stats| stats.healthy_connections),
                    "total_errors": stats.as_ref().map(|stats| stats.total_errors),
                })
            }
        })
    }

    pub async fn close(&self) {
        // A peer that is gone already is as good as closed.
        let _ = match self {
            Self::Client(client) => client.close().await,
            Self::Pool(pool, _) => pool.shutdown().await,
            Self::Registered(..) => Ok(()),
        };
    }

    fn no_such_call<T>(&self) -> Outcome<T> {
        let name = match self {
            Self::Client(V2Transport::Uds(_)) => "AgentClientV2Uds",
            Self::Client(V2Transport::Grpc(_)) => "AgentClientV2",
            Self::Client(V2Transport::Reverse(_)) => "ReverseConnectionClient",
            Self::Pool(..) | Self::Registered(..) => "AgentPool",
        };
        let message = format!("no such call in {name}");
        Err(AgentProtocolError::InvalidMessage(message))
    }
}
