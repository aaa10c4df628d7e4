// SPDX-License-Identifier: Apache-2.0
//! The reference agent on the crate's own server of version 1.

#[path = "../../../../rust/src/bin/agent/reference.rs"]
mod reference;
mod version_one;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use agentwire_interop_rust::wait_for_socket;
use clap::Parser;
use version_one::VersionOne;
use zentinel_agent_protocol::AgentServer;

const AGENT_ID: &str = "reference";

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "The reference agent on the crate's own server of version 1")]
struct Args {
    /// Socket path to listen on
    #[arg(long, value_name = "PATH")]
    uds: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    agentwire_interop_rust::init_log();
    let Args { uds: path } = Args::parse();
    // Taken away here as well as by the crate, so that the probe below cannot meet an old socket.
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let server = AgentServer::new(AGENT_ID, &path, Box::new(VersionOne::default()));
    let announced = async {
        drop(wait_for_socket(&path).await);
        announce(&format!("unix:{}", path.display()))?;
        std::future::pending::<Result<(), Failure>>().await
    };
    tokio::select! {
        ended = server.run() => Ok(ended?),
        failed = announced => failed,
    }
}

fn announce(endpoint: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening {endpoint}")?;
    stdout.flush()
}
