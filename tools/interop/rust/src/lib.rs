// SPDX-License-Identifier: Apache-2.0
//! What the peers have in common: where the other side is, and the events that are sent to it.

pub mod endpoint;
pub mod events;

use tracing_subscriber::EnvFilter;

/// Shows what the crate logs (it is silent otherwise) on stderr; `INTEROP_LOG=debug` shows the most.
pub fn init_log() {
    if let Ok(filter) = EnvFilter::try_from_env("INTEROP_LOG") {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
}
