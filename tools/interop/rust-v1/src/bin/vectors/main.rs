// SPDX-License-Identifier: Apache-2.0
//! Prints the bytes of version 1 that the crate puts on the wire, recorded from its own client and its own server. The
//! messages are those of the vectors of version 2, as far as version 1 has them.

#[path = "../../../../rust/src/bin/vectors/proxy_events.rs"]
#[allow(dead_code, reason = "version 1 shakes no hands")]
mod proxy_events;
mod record;
#[path = "../../../../rust/src/bin/vectors/responses.rs"]
mod responses;
#[path = "../../../../rust/src/bin/vectors/vector.rs"]
#[allow(
    dead_code,
    reason = "version 1 has neither MessagePack nor types of frames"
)]
mod vector;

use serde_json::json;
use vector::{Failure, Side, Vector};

const LOCK: &str = include_str!("../../../Cargo.lock");

#[tokio::main]
async fn main() -> Result<(), Failure> {
    agentwire_interop_rust::init_log();
    // The crate has the chunks of a body in two forms; its client of version 1 is given the one that JSON carries.
    let asked: Vec<_> = proxy_events::all()
        .into_iter()
        .filter_map(|sample| record::question(&sample).map(|question| (sample, question)))
        .collect();
    let frames = record::client(asked.iter().map(|(_, question)| question)).await?;
    let mut vectors: Vec<_> = asked
        .iter()
        .zip(&frames)
        .map(|((sample, (_, value)), frame)| {
            Vector::new(sample.name, sample.variant, Side::Proxy)
                .value(value.clone())
                .json(frame)
                .sent(&["json"])
        })
        .collect();

    let responses = responses::all();
    let frames = record::server(&responses).await?;
    vectors.extend(
        responses
            .iter()
            .zip(&frames)
            .map(|((variant, response), frame)| {
                Vector::new("AgentResponse", variant, Side::Agent)
                    .value(json!(response))
                    .json(frame)
                    .sent(&["json"])
            }),
    );
    print(&vectors)
}

/// The crate tells its version nowhere.
fn version_of_crate() -> Option<&'static str> {
    let (_, rest) = LOCK.split_once("name = \"zentinel-agent-protocol\"\nversion = \"")?;
    rest.split('"').next()
}

/// One vector a line, so that a change of one shows as one line.
fn print(vectors: &[Vector]) -> Result<(), Failure> {
    let version = json!(version_of_crate().ok_or("the lock file does not name the crate")?);
    println!("{{\"crate\":\"zentinel-agent-protocol\",\"version\":{version},\"vectors\":[");
    let lines: Result<Vec<_>, _> = vectors.iter().map(serde_json::to_string).collect();
    println!("{}\n]}}", lines?.join(",\n"));
    Ok(())
}
