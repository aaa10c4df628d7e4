// SPDX-License-Identifier: Apache-2.0
//! The reference agent behind the handler trait of version 1, which has no capabilities and no handshake, and other
//! forms for two events: a configuration is answered with a decision, and a guardrail's findings travel as routing metadata.

use async_trait::async_trait;
use serde_json::json;
use zentinel_agent_protocol::v2::AgentHandlerV2;
use zentinel_agent_protocol::{
    AgentHandler, AgentResponse, ConfigureEvent, DetectionSeverity, GuardrailDetection,
    GuardrailInspectEvent, GuardrailResponse, RequestBodyChunkEvent, RequestCompleteEvent,
    RequestHeadersEvent, ResponseBodyChunkEvent, ResponseHeadersEvent, WebSocketFrameEvent,
};

use crate::reference::ReferenceAgent;

const INJECTION: &str = "ignore previous instructions";
/// Where the proxy that goes with the crate looks for what a guardrail found.
const GUARDRAIL_RESPONSE: &str = "guardrail_response";

#[derive(Default)]
pub struct VersionOne(ReferenceAgent);

#[async_trait]
impl AgentHandler for VersionOne {
    async fn on_configure(&self, event: ConfigureEvent) -> AgentResponse {
        if self.0.on_configure(event.config, None).await {
            AgentResponse::default_allow()
        } else {
            AgentResponse::block(500, Some("Configuration rejected".into()))
        }
    }

    async fn on_request_headers(&self, event: RequestHeadersEvent) -> AgentResponse {
        self.0.on_request_headers(event).await
    }

    async fn on_request_body_chunk(&self, event: RequestBodyChunkEvent) -> AgentResponse {
        self.0.on_request_body_chunk(event).await
    }

    async fn on_response_headers(&self, event: ResponseHeadersEvent) -> AgentResponse {
        self.0.on_response_headers(event).await
    }

    async fn on_response_body_chunk(&self, event: ResponseBodyChunkEvent) -> AgentResponse {
        self.0.on_response_body_chunk(event).await
    }

    async fn on_request_complete(&self, event: RequestCompleteEvent) -> AgentResponse {
        self.0.on_request_complete(event).await
    }

    async fn on_websocket_frame(&self, event: WebSocketFrameEvent) -> AgentResponse {
        self.0.on_websocket_frame(event).await
    }

    async fn on_guardrail_inspect(&self, event: GuardrailInspectEvent) -> AgentResponse {
        let mut answer = AgentResponse::default_allow();
        let found = json!(inspect(&event.content)).to_string();
        answer
            .routing_metadata
            .insert(GUARDRAIL_RESPONSE.into(), found);
        answer
    }
}

fn inspect(content: &str) -> GuardrailResponse {
    let Some(start) = content.find(INJECTION) else {
        return GuardrailResponse::clean();
    };
    let detection = GuardrailDetection {
        confidence: Some(0.9),
        ..GuardrailDetection::new(
            "prompt_injection",
            "the text tells the model to forget its instructions",
        )
        .with_severity(DetectionSeverity::High)
        .with_span(start, start + INJECTION.len())
    };
    GuardrailResponse::with_detection(detection)
}
