// SPDX-License-Identifier: Apache-2.0
//! Prints the bytes that the crate puts on the wire, for every message that it can build.
//!
//! Whatever the crate's clients and servers send is recorded from them as they send it. The rest
//! (reports of an agent, for which the crate has types but no sender) is serialised from the crate's types.

mod grpc;
mod proxy_events;
mod reports;
mod responses;
mod reverse;
mod uds;
mod vector;

use serde_json::{Value, json};
use vector::{Failure, ID, Side, Vector};
use zentinel_agent_protocol::AgentResponse;
use zentinel_agent_protocol::v2::UdsEncoding::{Json, MessagePack};

#[tokio::main]
async fn main() -> Result<(), Failure> {
    agentwire_interop_rust::init_log();
    let mut vectors = from_proxy().await?;
    let version = version_of_crate(&vectors[0]);
    vectors.extend(from_agent().await?);
    vectors.extend(reverse::vectors().await?);
    vectors.extend(reports::vectors().await?);
    print(&version, &vectors)
}

async fn from_proxy() -> Result<Vec<Vector>, Failure> {
    let events = proxy_events::all();
    let json = uds::record_client(&events, Json).await?;
    let msgpack = uds::record_client(&events, MessagePack).await?;
    let protobuf = grpc::record_client(&events).await?;

    let mut vectors = vec![
        Vector::new("HandshakeRequest", "sent", Side::Proxy)
            .value(vector::payload(&json.handshake)?)
            .json(&json.handshake)
            .protobuf(&protobuf.handshake)
            .sent(&["json", "protobuf"]),
    ];
    for (index, sample) in events.iter().enumerate() {
        let mut vector = Vector::new(sample.name, sample.variant, Side::Proxy)
            .json(&json.messages[index])
            .msgpack(&msgpack.messages[index])
            .value(match sample.event.value() {
                Some(value) => value,
                None => vector::payload(&json.messages[index])?,
            });
        vector = match (&protobuf.messages[index], grpc::build(&sample.event)) {
            (Some(recorded), _) => vector
                .protobuf(recorded)
                .sent(&["json", "msgpack", "protobuf"]),
            (None, Some(built)) => vector.protobuf(&built).sent(&["json", "msgpack"]),
            (None, None) => vector.sent(&["json", "msgpack"]),
        };
        vectors.push(vector);
    }
    vectors.extend(proxy_events::other_handshakes().await?);
    Ok(vectors)
}

async fn from_agent() -> Result<Vec<Vector>, Failure> {
    let responses = responses::all();
    let json = uds::record_server(&responses, Json).await?;
    let msgpack = uds::record_server(&responses, MessagePack).await?;
    let protobuf = grpc::record_server(&responses).await?;

    let mut vectors = Vec::new();
    let handshakes = [
        ("accepted", &json.accepted, &protobuf.accepted),
        ("accepted-msgpack", &msgpack.accepted, &protobuf.accepted),
        ("refused", &json.refused, &protobuf.refused),
    ];
    for (variant, json, protobuf) in handshakes {
        vectors.push(
            Vector::new("HandshakeResponse", variant, Side::Agent)
                .value(vector::payload(json)?)
                .json(json)
                .protobuf(protobuf)
                .sent(&["json", "protobuf"]),
        );
    }
    for (index, (variant, response)) in responses.iter().enumerate() {
        vectors.push(
            Vector::new("AgentResponse", variant, Side::Agent)
                .value(with_id(response))
                .json(&json.responses[index])
                .msgpack(&msgpack.responses[index])
                .protobuf(&protobuf.responses[index])
                .sent(&["json", "msgpack", "protobuf"]),
        );
    }
    vectors.push(
        Vector::new("Pong", "sent", Side::Agent)
            .value(vector::payload(&json.pong)?)
            .json(&json.pong)
            .msgpack(&msgpack.pong)
            .protobuf(&protobuf.pong)
            .sent(&["json", "msgpack", "protobuf"]),
    );
    vectors.push(
        Vector::new("ProxyControl.configure", "heartbeat", Side::Agent)
            .value(json!({ "config_json": "{}" }))
            .protobuf(&protobuf.heartbeat)
            .sent(&["protobuf"]),
    );
    Ok(vectors)
}

/// An answer with what the crate's UDS server puts into it to say which event it is for.
fn with_id(response: &AgentResponse) -> Value {
    let mut value = json!(response);
    value["audit"]["custom"]["correlation_id"] = json!(ID);
    value
}

/// The crate tells its version nowhere but in its handshake.
fn version_of_crate(handshake: &Vector) -> Value {
    handshake.value["proxy_version"].clone()
}

/// One vector a line, so that a change of one shows as one line.
fn print(version: &Value, vectors: &[Vector]) -> Result<(), Failure> {
    println!("{{\"crate\":\"zentinel-agent-protocol\",\"version\":{version},\"vectors\":[");
    let lines: Result<Vec<_>, _> = vectors.iter().map(serde_json::to_string).collect();
    println!("{}\n]}}", lines?.join(",\n"));
    Ok(())
}
