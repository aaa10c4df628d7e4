// SPDX-License-Identifier: Apache-2.0
//! The list of what was seen, one entry for each step of each scenario.

use std::sync::{Arc, Mutex};

use agentwire_interop_rust::endpoint::Callbacks;
use serde::Serialize;
use serde_json::{Value, json};
use zentinel_agent_protocol::v2::ConfigUpdateResponse;
use zentinel_agent_protocol::{AgentProtocolError, AgentResponse};

/// What one step came to: a decision of the agent, another value, or an error of the crate.
#[derive(Serialize)]
struct Entry {
    scenario: &'static str,
    step: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Default)]
pub struct Report {
    scenario: &'static str,
    entries: Vec<Entry>,
    unasked: Arc<Mutex<Vec<Value>>>,
}

impl Report {
    pub fn begin(&mut self, scenario: &'static str) {
        self.scenario = scenario;
        self.unasked.lock().unwrap().clear();
    }

    /// Callbacks that keep what the agent reports without having been asked.
    pub fn callbacks(&self) -> Callbacks {
        let metrics = Arc::clone(&self.unasked);
        let updates = Arc::clone(&self.unasked);
        Callbacks {
            metrics: Some(Arc::new(move |report| {
                metrics.lock().unwrap().push(json!({ "metrics": report }));
            })),
            config_update: Some(Arc::new(move |_agent, request| {
                let answer = ConfigUpdateResponse::success(request.request_id.clone());
                let entry = json!({ "config_update": request });
                updates.lock().unwrap().push(entry);
                answer
            })),
        }
    }

    pub fn unasked(&self) -> Vec<Value> {
        self.unasked.lock().unwrap().clone()
    }

    /// An answer of the agent, as the crate decoded it.
    pub fn decision(&mut self, step: &str, seen: Result<AgentResponse, AgentProtocolError>) {
        let entry = self.entry(step, seen.is_ok());
        self.entries.push(match seen {
            Ok(answer) => Entry {
                decision: Some(json!(answer)),
                ..entry
            },
            Err(error) => failed(entry, &error),
        });
    }

    /// Anything else that the crate tells.
    pub fn step<T: Serialize>(&mut self, step: &str, seen: Result<T, AgentProtocolError>) {
        let entry = self.entry(step, seen.is_ok());
        self.entries.push(match seen {
            Ok(value) => Entry {
                value: Some(json!(value)),
                ..entry
            },
            Err(error) => failed(entry, &error),
        });
    }

    /// One entry a line, so that two outputs can be compared line by line.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let lines: Result<Vec<_>, _> = self.entries.iter().map(serde_json::to_string).collect();
        Ok(format!("[\n{}\n]", lines?.join(",\n")))
    }

    fn entry(&self, step: &str, ok: bool) -> Entry {
        Entry {
            scenario: self.scenario,
            step: step.to_owned(),
            ok,
            decision: None,
            value: None,
            error: None,
        }
    }
}

fn failed(entry: Entry, error: &AgentProtocolError) -> Entry {
    Entry {
        error: Some(error.to_string()),
        ..entry
    }
}
