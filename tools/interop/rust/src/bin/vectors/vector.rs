// SPDX-License-Identifier: Apache-2.0
//! One entry of the output, and what is needed to make one.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use zentinel_agent_protocol::v2::uds::{MessageType, write_message};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The id under which every recorded exchange runs.
pub const ID: &str = "c-1";

/// A frame has four bytes of length and one of type before its payload.
const FRAME_HEADER_BYTES: usize = 5;

#[derive(Serialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Proxy,
    Agent,
}

/// A message: what it says, and its bytes in hex as the crate writes them.
#[derive(Serialize)]
pub struct Vector {
    pub name: String,
    pub variant: String,
    pub from: Side,
    pub value: Value,
    /// The whole frame as it goes over a connection that negotiated JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<String>,
    /// The whole frame on a connection that negotiated MessagePack; some payloads are JSON all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    msgpack: Option<String>,
    /// The envelope (ProxyToAgent, AgentToProxy, AgentControl or ProxyControl) without gRPC's prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    protobuf: Option<String>,
    /// Which of the three were recorded from the crate's own client or server.
    sent: Vec<&'static str>,
}

impl Vector {
    pub fn new(name: &str, variant: &str, from: Side) -> Self {
        Self {
            name: name.into(),
            variant: variant.into(),
            from,
            value: Value::Null,
            json: None,
            msgpack: None,
            protobuf: None,
            sent: Vec::new(),
        }
    }

    pub fn value(mut self, value: Value) -> Self {
        self.value = value;
        self
    }

    pub fn json(mut self, frame: &[u8]) -> Self {
        self.json = Some(hex(frame));
        self
    }

    pub fn msgpack(mut self, frame: &[u8]) -> Self {
        self.msgpack = Some(hex(frame));
        self
    }

    pub fn protobuf(mut self, envelope: &[u8]) -> Self {
        self.protobuf = Some(hex(envelope));
        self
    }

    pub fn sent(mut self, sent: &[&'static str]) -> Self {
        self.sent = sent.to_vec();
        self
    }
}

/// A frame as the crate writes it.
pub async fn frame(message_type: MessageType, payload: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    write_message(&mut bytes, message_type, payload).await?;
    Ok(bytes)
}

/// What a frame with a JSON payload says.
pub fn payload(frame: &[u8]) -> Result<Value, Failure> {
    Ok(serde_json::from_slice(&frame[FRAME_HEADER_BYTES..])?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
