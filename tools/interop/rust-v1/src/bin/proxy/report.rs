// SPDX-License-Identifier: Apache-2.0
//! The list of what was seen, one entry for each step of each scenario, as the peers of version 2 print it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::line::Seen;

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
}

impl Report {
    pub fn begin(&mut self, scenario: &'static str) {
        self.scenario = scenario;
    }

    /// An answer of the agent, as the crate decoded it.
    pub fn decision(&mut self, step: &str, seen: Seen) {
        let (decision, error) = match seen {
            Ok(answer) => (Some(json!(answer)), None),
            Err(error) => (None, Some(error.to_string())),
        };
        self.push(step, decision, None, error);
    }

    /// Anything else.
    pub fn value(&mut self, step: &str, value: impl Serialize) {
        self.push(step, None, Some(json!(value)), None);
    }

    fn push(
        &mut self,
        step: &str,
        decision: Option<Value>,
        value: Option<Value>,
        error: Option<String>,
    ) {
        self.entries.push(Entry {
            scenario: self.scenario,
            step: step.to_owned(),
            ok: error.is_none(),
            decision,
            value,
            error,
        });
    }

    /// One entry a line, so that two outputs can be compared line by line.
    pub fn to_json(&self) -> serde_json::Result<String> {
        let lines: Result<Vec<_>, _> = self.entries.iter().map(serde_json::to_string).collect();
        Ok(format!("[\n{}\n]", lines?.join(",\n")))
    }
}
