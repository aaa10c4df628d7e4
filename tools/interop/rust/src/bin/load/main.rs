// SPDX-License-Identifier: Apache-2.0
//! Closed-loop load on an agent through the crate's client: so many callers, each of which waits for
//! its answer before it asks again.

mod workload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentwire_interop_rust::endpoint::{Callbacks, Endpoint};
use clap::Parser;
use serde_json::json;
use workload::Caller;
use zentinel_agent_protocol::v2::V2Transport;

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(about = "Closed-loop load through the crate's client")]
struct Args {
    #[command(flatten)]
    endpoint: Endpoint,
    /// Requests in flight at any time, over all connections
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// How long is measured
    #[arg(long, value_name = "S")]
    seconds: f64,
    /// How long it runs before that
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    warmup_seconds: f64,
    #[arg(long, value_name = "C", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
}

/// What one caller saw in the measured time.
#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    errors: BTreeMap<String, u64>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    agentwire_interop_rust::init_log();
    let args = Args::parse();
    let warmup = Duration::try_from_secs_f64(args.warmup_seconds)?;
    let measured = Duration::try_from_secs_f64(args.seconds)?;
    let mut connections = Vec::new();
    for _ in 0..args.connections {
        let connection = args
            .endpoint
            .connect(TIMEOUT, &Callbacks::default())
            .await?;
        connections.push(Arc::new(connection));
    }

    let begin = Instant::now() + warmup;
    let end = begin + measured;
    let callers: Vec<_> = workload::callers(args.in_flight as usize)
        .into_iter()
        .zip(connections.iter().cycle())
        .map(|(caller, connection)| tokio::spawn(call(caller, Arc::clone(connection), begin, end)))
        .collect();
    let mut total = Tally::default();
    for caller in callers {
        let tally = caller.await?;
        total.latencies.extend(tally.latencies);
        for (error, count) in tally.errors {
            *total.errors.entry(error).or_default() += count;
        }
    }

    total.latencies.sort_unstable();
    let percentile = |percent| percentile_ms(&total.latencies, percent);
    let rate = total.latencies.len() as f64 / measured.as_secs_f64();
    let result = json!({
        "requestsPerSecond": rate.round() as u64,
        "latencyMs": { "p50": percentile(50), "p90": percentile(90), "p99": percentile(99) },
        "errors": total.errors,
    });
    println!("{result}");
    Ok(())
}

async fn call(
    mut caller: Caller,
    connection: Arc<V2Transport>,
    begin: Instant,
    end: Instant,
) -> Tally {
    let mut tally = Tally::default();
    let mut now = Instant::now();
    while now < end {
        let sent = now;
        let event = caller.next_event();
        let answer = connection
            .send_request_headers(&event.metadata.correlation_id, event)
            .await;
        now = Instant::now();
        if now < begin || now > end {
            continue;
        }
        match answer {
            Ok(_) => tally.latencies.push(now - sent),
            Err(error) => *tally.errors.entry(error.to_string()).or_default() += 1,
        }
    }
    tally
}

fn percentile_ms(sorted: &[Duration], percent: usize) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let micros = sorted[last * percent / 100].as_secs_f64() * 1e6;
    Some(micros.round() / 1e3)
}
