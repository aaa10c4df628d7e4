// SPDX-License-Identifier: Apache-2.0
//! The two messages with which an agent that connects by itself is registered.

use std::collections::HashSet;

use serde_json::json;
use tokio::net::UnixStream;
use zentinel_agent_protocol::v2::uds::{MessageType, UdsCapabilities, read_message};
use zentinel_agent_protocol::v2::{
    AgentCapabilities, AgentFeatures, AgentPool, RegistrationRequest, ReverseConnectionConfig,
    ReverseConnectionListener,
};

use crate::uds::socket_path;
use crate::vector::{Failure, Side, Vector, frame, payload};

pub async fn vectors() -> Result<Vec<Vector>, Failure> {
    let full = RegistrationRequest {
        auth_token: Some("token-1".into()),
        metadata: Some(json!({ "zone": "a" })),
        ..bare_request()
    };
    let mut vectors = Vec::new();
    for (request_variant, response_variant, request) in [
        ("full", "accepted", full),
        ("none", "refused", bare_request()),
    ] {
        let request_frame = frame(
            MessageType::HandshakeRequest,
            &serde_json::to_vec(&request)?,
        )
        .await?;
        let response_frame = register(&request_frame).await?;
        vectors.push(
            Vector::new("RegistrationRequest", request_variant, Side::Agent)
                .value(json!(request))
                .json(&request_frame),
        );
        vectors.push(
            Vector::new("RegistrationResponse", response_variant, Side::Proxy)
                .value(payload(&response_frame)?)
                .json(&response_frame)
                .sent(&["json"]),
        );
    }
    Ok(vectors)
}

fn bare_request() -> RegistrationRequest {
    let capabilities = AgentCapabilities::new("agent-1", "Recorded agent", "1.2.3")
        .with_features(AgentFeatures::full());
    RegistrationRequest {
        protocol_version: 2,
        agent_id: "agent-1".into(),
        capabilities: UdsCapabilities::from(capabilities),
        auth_token: None,
        metadata: None,
    }
}

/// What the crate's listener answers when it asks for the token of the full request.
async fn register(request_frame: &[u8]) -> Result<Vec<u8>, Failure> {
    use tokio::io::AsyncWriteExt as _;

    let path = socket_path();
    let config = ReverseConnectionConfig {
        require_auth: true,
        auth_tokens: HashSet::from(["token-1".into()]),
        ..ReverseConnectionConfig::default()
    };
    let listener = ReverseConnectionListener::bind_uds(&path, config).await?;
    let pool = AgentPool::new();
    let mut agent = UnixStream::connect(&path).await?;
    agent.write_all(request_frame).await?;
    // Refusing is what is asked of the listener in one of the two cases, so its result says nothing.
    let (_, answer) = tokio::join!(listener.accept_one(&pool), read_message(&mut agent));
    let (message_type, payload) = answer?;
    std::fs::remove_file(path)?;
    frame(message_type, &payload).await
}
