// SPDX-License-Identifier: Apache-2.0
//! The agent to talk to, and the crate's client for it.

use std::time::Duration;

use clap::Args;
use zentinel_agent_protocol::AgentProtocolError;
use zentinel_agent_protocol::v2::{
    AgentClientV2, AgentClientV2Uds, ConfigUpdateCallback, MetricsCallback, V2Transport,
};

/// The name under which the crate files the agent; it never goes over the wire.
pub const AGENT_ID: &str = "agent";

#[derive(Args, Clone)]
#[group(id = "endpoint", required = true, multiple = false)]
pub struct Endpoint {
    /// Socket path of the agent
    #[arg(long, value_name = "PATH")]
    uds: Option<String>,
    /// Address of the agent, as http://HOST:PORT or grpc://HOST:PORT
    #[arg(long, value_name = "URL")]
    grpc: Option<String>,
}

/// What the crate's clients call when the agent reports on its own account.
#[derive(Default, Clone)]
pub struct Callbacks {
    pub metrics: Option<MetricsCallback>,
    pub config_update: Option<ConfigUpdateCallback>,
}

impl Endpoint {
    /// The endpoint as `AgentPool::add_agent` wants it.
    pub fn for_pool(&self) -> String {
        match self.target() {
            Target::Uds(path) => format!("unix:{path}"),
            Target::Grpc(url) => url,
        }
    }

    /// Connects one of the crate's clients and does the handshake.
    ///
    /// The whole is bounded here because the crate's UDS client waits for the answer to its
    /// handshake without any deadline.
    pub async fn connect(
        &self,
        timeout: Duration,
        callbacks: &Callbacks,
    ) -> Result<V2Transport, AgentProtocolError> {
        tokio::time::timeout(timeout, self.open(timeout, callbacks))
            .await
            .map_err(|_| AgentProtocolError::Timeout(timeout))?
    }

    async fn open(
        &self,
        timeout: Duration,
        callbacks: &Callbacks,
    ) -> Result<V2Transport, AgentProtocolError> {
        match self.target() {
            Target::Uds(path) => {
                let mut client = AgentClientV2Uds::new(AGENT_ID, path, timeout).await?;
                if let Some(callback) = &callbacks.metrics {
                    client.set_metrics_callback(callback.clone());
                }
                if let Some(callback) = &callbacks.config_update {
                    client.set_config_update_callback(callback.clone());
                }
                client.connect().await?;
                Ok(V2Transport::Uds(client))
            }
            Target::Grpc(url) => {
                let mut client = AgentClientV2::new(AGENT_ID, url, timeout).await?;
                if let Some(callback) = &callbacks.metrics {
                    client.set_metrics_callback(callback.clone());
                }
                if let Some(callback) = &callbacks.config_update {
                    client.set_config_update_callback(callback.clone());
                }
                client.connect().await?;
                Ok(V2Transport::Grpc(client))
            }
        }
    }

    fn target(&self) -> Target {
        match (&self.uds, &self.grpc) {
            (Some(path), _) => Target::Uds(path.strip_prefix("unix:").unwrap_or(path).to_owned()),
            (None, Some(url)) => Target::Grpc(url.replacen("grpc://", "http://", 1)),
            (None, None) => unreachable!("clap asks for exactly one of the two"),
        }
    }
}

enum Target {
    Uds(String),
    Grpc(String),
}
