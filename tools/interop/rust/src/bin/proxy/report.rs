// SPDX-License-Identifier: Apache-2.0
//! The list of what was seen, one entry for each step of each scenario.

use std::sync::{Arc, Mutex};

use agentwire_interop_rust::endpoint::Callbacks;
use serde::Serialize;
use serde_json::{Value, json};
use zentinel_agent_protocol::v2::ConfigUpdateResponse;
use zentinel_agent_protocol::{AgentProtocolError, AgentResponse};

#[derive(Default)]
pub struct Report {
    scenario: &'static str,
    entries: Vec<Value>,
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
        self.push(step, "decision", seen);
    }

    /// Anything else that the crate tells.
    pub fn step<T: Serialize>(&mut self, step: &str, seen: Result<T, AgentProtocolError>) {
        self.push(step, "value", seen);
    }

    /// One entry a line, so that two outputs can be compared line by line.
    pub fn into_json(self) -> String {
        let lines: Vec<String> = self.entries.iter().map(Value::to_string).collect();
        format!("[\n{}\n]", lines.join(",\n"))
    }

    fn push<T: Serialize>(&mut self, step: &str, key: &str, seen: Result<T, AgentProtocolError>) {
        let mut entry = json!({ "scenario": self.scenario, "step": step, "ok": seen.is_ok() });
        match seen {
            Ok(seen) => entry[key] = json!(seen),
            Err(error) => entry["error"] = json!(error.to_string()),
        }
        self.entries.push(entry);
    }
}
