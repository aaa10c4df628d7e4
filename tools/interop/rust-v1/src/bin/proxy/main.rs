// SPDX-License-Identifier: Apache-2.0
//! Sends an agent everything that the crate's client of version 1 can send, and prints what the crate made of the answers.
//! It judges nothing: comparing is the business of whoever reads the output.

mod line;
mod report;
mod scenarios;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use line::Agent;
use report::Report;

#[derive(Parser)]
#[command(about = "Plays scenarios through the crate's client of version 1 and prints what it saw")]
struct Args {
    /// Socket path of the agent
    #[arg(long, value_name = "PATH")]
    uds: PathBuf,
    /// Name of a scenario, or all
    #[arg(long, default_value = "all")]
    scenario: String,
    /// How long the crate waits for an answer
    #[arg(long, value_name = "MS", default_value_t = 5000)]
    timeout_ms: u64,
    /// What the correlation ids begin with
    #[arg(long, default_value = "v1")]
    id_prefix: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    agentwire_interop_rust::init_log();
    let args = Args::parse();
    let chosen = scenarios::choose(&args.scenario)?;
    let agent = Agent::new(args.uds, Duration::from_millis(args.timeout_ms));
    let mut report = Report::default();
    for scenario in chosen {
        report.begin(scenario.name);
        let id = format!("{}-{}", args.id_prefix, scenario.name);
        if let Err(error) = scenario.play(&agent, &id, &mut report).await {
            report.decision("connect", Err(error));
        }
    }
    println!("{}", report.to_json()?);
    Ok(())
}
