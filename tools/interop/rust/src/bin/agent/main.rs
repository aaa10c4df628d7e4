// SPDX-License-Identifier: Apache-2.0
//! The reference agent on the crate's own UDS and gRPC servers.

mod reference;

use std::error::Error;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use reference::ReferenceAgent;
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use zentinel_agent_protocol::v2::{GrpcAgentServerV2, UdsAgentServerV2};

const AGENT_ID: &str = "reference";

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "The reference agent on the crate's own servers")]
#[group(required = true, multiple = true)]
struct Args {
    /// Socket path to listen on
    #[arg(long, value_name = "PATH")]
    uds: Option<PathBuf>,
    /// Address to listen on for gRPC; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT")]
    grpc: Option<SocketAddr>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    agentwire_interop_rust::init_log();
    let args = Args::parse();
    let mut servers = JoinSet::new();
    if let Some(path) = args.uds {
        servers.spawn(serve_uds(path));
    }
    if let Some(address) = args.grpc {
        servers.spawn(serve_grpc(address));
    }
    // A server only ends when it fails, and then the process has nothing more to do.
    match servers.join_next().await {
        Some(ended) => ended?,
        None => Ok(()),
    }
}

async fn serve_uds(path: PathBuf) -> Result<(), Failure> {
    // Taken away here as well as by the crate, so that the probe below cannot meet an old socket.
    if path.exists() {
        std::fs::remove_file(&path)?;
    }
    let server = UdsAgentServerV2::new(AGENT_ID, &path, Box::new(ReferenceAgent::default()));
    let announced = async {
        wait_for_socket(&path).await;
        announce(&format!("unix:{}", path.display()))?;
        std::future::pending::<Result<(), Failure>>().await
    };
    tokio::select! {
        ended = server.run() => Ok(ended?),
        failed = announced => failed,
    }
}

/// The crate binds inside `run` and does not say when, so the socket is tried until it answers.
async fn wait_for_socket(path: &Path) {
    while UnixStream::connect(path).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Serves the crate's service on a socket of our own: what `GrpcAgentServerV2::run` does, but the
/// port is known and the moment of readiness too.
async fn serve_grpc(address: SocketAddr) -> Result<(), Failure> {
    let incoming = TcpIncoming::bind(address)?.with_nodelay(Some(true));
    announce(&format!("grpc://{}", incoming.local_addr()?))?;
    let agent = GrpcAgentServerV2::new(AGENT_ID, Box::new(ReferenceAgent::default()));
    let serving = Server::builder().add_service(agent.into_service());
    Ok(serving.serve_with_incoming(incoming).await?)
}

fn announce(endpoint: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "listening {endpoint}")?;
    stdout.flush()
}
