// SPDX-License-Identifier: Apache-2.0
//! One connection of the crate's client, with a method for each event.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use zentinel_agent_protocol::{AgentClient, AgentProtocolError, AgentResponse, EventType};

pub type Seen = Result<AgentResponse, AgentProtocolError>;

/// Where the agent is.
pub struct Agent {
    path: PathBuf,
    timeout: Duration,
}

impl Agent {
    pub fn new(path: PathBuf, timeout: Duration) -> Self {
        Self { path, timeout }
    }

    pub async fn connect(&self) -> Result<Line, AgentProtocolError> {
        self.connect_for(self.timeout).await
    }

    /// Connects with another deadline for the answers.
    pub async fn connect_for(&self, timeout: Duration) -> Result<Line, AgentProtocolError> {
        let client = AgentClient::unix_socket("agent", &self.path, timeout).await?;
        Ok(Line(client))
    }
}

/// A connection: it asks one thing at a time, and knows nothing of the request that an event belongs to.
pub struct Line(AgentClient);

impl Line {
    pub async fn ask(&mut self, event_type: EventType, event: &impl Serialize) -> Seen {
        self.0.send_event(event_type, event).await
    }
}
