// SPDX-License-Identifier: Apache-2.0
//! Sends an agent everything that the crate's clients can send, and prints what the crate made of
//! the answers. It judges nothing: comparing is the business of whoever reads the output.

mod peer;
mod report;
mod scenarios;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use agentwire_interop_rust::endpoint::Endpoint;
use clap::Parser;
use peer::Connector;
use report::Report;

#[derive(Parser)]
#[command(about = "Plays scenarios through the crate's clients and prints what they saw")]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint,
    /// Wait on this socket for agents that connect by themselves, instead of connecting to one
    #[arg(long, value_name = "PATH", group = "endpoint")]
    reverse: Option<String>,
    /// Use the crate's AgentPool instead of a single client
    #[arg(long, conflicts_with = "reverse")]
    pool: bool,
    /// Name of a scenario, or all
    #[arg(long, default_value = "all")]
    scenario: String,
    /// How long the crate waits for an answer
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    timeout_ms: u64,
    /// What the correlation ids begin with; made from clock and process when absent
    #[arg(long)]
    id_prefix: Option<String>,
    /// The token that a registering agent must present (with --reverse)
    #[arg(long, requires = "reverse")]
    token: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    agentwire_interop_rust::init_log();
    let args = Args::parse();
    let chosen = scenarios::choose(&args.scenario)?;
    let timeout = Duration::from_millis(args.timeout_ms);
    let id_prefix = args.id_prefix.unwrap_or_else(unique_prefix);
    let connector = match args.reverse {
        Some(path) => Connector::reverse(&path, args.token, timeout).await?,
        None if args.pool => Connector::Pool(args.endpoint, timeout),
        None => Connector::Client(args.endpoint, timeout),
    };

    let mut report = Report::default();
    for scenario in chosen {
        report.begin(scenario.name);
        let callbacks = report.callbacks();
        match connector.connect(&callbacks).await {
            Ok(peer) => {
                let id = format!("{id_prefix}-{}", scenario.name);
                scenario.play(&peer, &id, &mut report).await;
                peer.close().await;
            }
            Err(error) => report.step("connect", Err::<(), _>(error)),
        }
    }
    println!("{}", report.to_json()?);
    Ok(())
}

/// Agents may remember a correlation id for a while, so two runs must not have the same ones.
fn unique_prefix() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:x}-{:x}", now.as_millis(), std::process::id())
}
