// SPDX-License-Identifier: Apache-2.0
//! What the peers of version 1 have in common. The events are those that the peers of version 2 send: the types of both
//! crates have the same names and fields, so the same source is compiled against the older crate.

#[path = "../../rust/src/events.rs"]
pub mod events;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::net::UnixStream;
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

/// Connects to a server of the crate, which binds inside `run` and does not say when, so the socket is tried until it answers.
pub async fn wait_for_socket(path: &Path) -> UnixStream {
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// A path that no other run has.
pub fn socket_path() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("agentwire-v1-{}-{count}.sock", std::process::id());
    std::env::temp_dir().join(name)
}
