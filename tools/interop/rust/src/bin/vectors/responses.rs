// SPDX-License-Identifier: Apache-2.0
//! Everything that an agent can answer.

use std::collections::HashMap;

use serde_json::json;
use zentinel_agent_protocol::{
    AgentResponse, AuditMetadata, BodyMutation, Decision, DetectionSeverity, GuardrailDetection,
    GuardrailResponse, HeaderOp,
};

pub fn all() -> Vec<(&'static str, AgentResponse)> {
    let allow = AgentResponse::default_allow;
    vec![
        ("allow-none", allow()),
        ("allow-full", full()),
        (
            "block-full",
            decided(block(Some("no"), Some(("x-why", "rule 1")))),
        ),
        ("block-none", decided(block(None, None))),
        (
            "block-no-headers",
            AgentResponse::block(451, Some(String::new())),
        ),
        (
            "redirect",
            AgentResponse::redirect("https://example.test/ř".into(), 308),
        ),
        ("challenge-full", decided(challenge(&[("site_key", "k1")]))),
        ("challenge-none", decided(challenge(&[]))),
        ("needs-more", AgentResponse::needs_more_data()),
        (
            "request-pass",
            allow().with_request_body_mutation(BodyMutation::pass_through(0)),
        ),
        (
            "request-drop",
            allow().with_request_body_mutation(BodyMutation::drop_chunk(1)),
        ),
        (
            "request-replace",
            allow().with_request_body_mutation(replacement()),
        ),
        (
            "response-pass",
            allow().with_response_body_mutation(BodyMutation::pass_through(0)),
        ),
        (
            "response-drop",
            allow().with_response_body_mutation(BodyMutation::drop_chunk(1)),
        ),
        (
            "response-replace",
            allow().with_response_body_mutation(replacement()),
        ),
        ("websocket-allow", AgentResponse::websocket_allow()),
        ("websocket-drop", AgentResponse::websocket_drop()),
        (
            "websocket-close",
            AgentResponse::websocket_close(1008, "bad word".into()),
        ),
        ("guardrail-full", guardrail(&detected())),
        ("guardrail-none", guardrail(&GuardrailResponse::clean())),
    ]
}

fn decided(decision: Decision) -> AgentResponse {
    AgentResponse {
        decision,
        ..AgentResponse::default_allow()
    }
}

fn block(body: Option<&str>, header: Option<(&str, &str)>) -> Decision {
    Decision::Block {
        status: 403,
        body: body.map(str::to_owned),
        headers: header.map(|(name, value)| HashMap::from([(name.to_owned(), value.to_owned())])),
    }
}

fn challenge(params: &[(&str, &str)]) -> Decision {
    Decision::Challenge {
        challenge_type: "captcha".into(),
        params: params
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
    }
}

fn replacement() -> BodyMutation {
    BodyMutation::replace(u32::MAX, "Q0hBTkdFRA==".into())
}

/// Every field of an answer at once; a handler may well answer so.
fn full() -> AgentResponse {
    AgentResponse {
        request_headers: vec![
            HeaderOp::Set {
                name: "x-set".into(),
                value: "1".into(),
            },
            HeaderOp::Add {
                name: "x-add".into(),
                value: "žluťoučký 🐎".into(),
            },
            HeaderOp::Remove {
                name: "x-remove".into(),
            },
        ],
        response_headers: vec![HeaderOp::Set {
            name: "x-empty".into(),
            value: String::new(),
        }],
        routing_metadata: HashMap::from([("pool".into(), "b".into())]),
        audit: AuditMetadata {
            tags: vec!["t-1".into(), "t-2".into()],
            rule_ids: vec!["r-1".into()],
            confidence: Some(0.9),
            reason_codes: vec!["TEST".into()],
            custom: HashMap::from([(
                "any".into(),
                json!({ "text": "x", "list": [1, -1, 1.5, null, true], "big": u64::MAX }),
            )]),
        },
        request_body_mutation: Some(BodyMutation::drop_chunk(1)),
        response_body_mutation: Some(replacement()),
        ..AgentResponse::websocket_close(1000, String::new()).set_needs_more(true)
    }
}

fn detected() -> GuardrailResponse {
    let mut response = GuardrailResponse::with_detection(
        GuardrailDetection::new("prompt_injection", "asks to forget the rules")
            .with_severity(DetectionSeverity::High)
            .with_confidence(0.9)
            .with_span(7, 35),
    );
    response.add_detection(GuardrailDetection::new("email", "an address"));
    response.redacted_content = Some("[redacted]".into());
    response
}

/// The crate has the type but no place for it in an answer: it goes as JSON text in the routing metadata.
fn guardrail(response: &GuardrailResponse) -> AgentResponse {
    AgentResponse {
        routing_metadata: HashMap::from([(
            "guardrail_response".into(),
            json!(response).to_string(),
        )]),
        ..AgentResponse::default_allow()
    }
}
