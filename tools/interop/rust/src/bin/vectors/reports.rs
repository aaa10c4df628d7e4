// SPDX-License-Identifier: Apache-2.0
//! What an agent reports without having been asked, and what goes over a control stream. The crate has
//! types for all of it and readers for most, but sends none, so both forms are built here side by side.

use std::collections::HashMap;

use prost::Message as _;
use serde::Serialize;
use serde_json::json;
use zentinel_agent_protocol::grpc_v2::config_update_request::UpdateType;
use zentinel_agent_protocol::grpc_v2::{
    self, AgentControl, AgentToProxy, ProxyControl, agent_control, agent_to_proxy, proxy_control,
};
use zentinel_agent_protocol::v2::MessageType;
use zentinel_agent_protocol::v2::UdsEncoding::{Json, MessagePack};
use zentinel_agent_protocol::v2::{
    ConfigUpdateRequest, ConfigUpdateResponse, ConfigUpdateType, CounterMetric, FlowAction,
    FlowControlSignal, GaugeMetric, HealthState, HealthStatus, HistogramBucket, LoadMetrics,
    LogLevel, LogMessage, MetricsReport, ResourceMetrics, RuleDefinition,
};

use crate::vector::{Failure, ID, Side, Vector, frame};

const NOW: u64 = 1_768_473_000_123;
const AGENT: &str = "agent-1";

pub async fn vectors() -> Result<Vec<Vector>, Failure> {
    let mut vectors = Vec::new();
    for (variant, status, protobuf) in health() {
        let protobuf = agent_to_proxy::Message::Health(protobuf);
        let vector = report("HealthStatus", variant, MessageType::HealthStatus, &status);
        vectors.push(vector.await?.protobuf(&envelope(protobuf)));
    }
    for (variant, metrics, protobuf) in metrics()? {
        let protobuf = agent_to_proxy::Message::Metrics(protobuf);
        let vector = report(
            "MetricsReport",
            variant,
            MessageType::MetricsReport,
            &metrics,
        );
        vectors.push(vector.await?.protobuf(&envelope(protobuf)));
    }
    for (variant, update, protobuf) in config_updates() {
        let protobuf = agent_to_proxy::Message::ConfigUpdate(protobuf);
        let message_type = MessageType::ConfigUpdateRequest;
        let vector = report("ConfigUpdateRequest", variant, message_type, &update);
        vectors.push(vector.await?.protobuf(&envelope(protobuf)));
    }
    for (variant, signal, protobuf) in flow_control() {
        let protobuf = agent_to_proxy::Message::FlowControl(protobuf);
        let vector = report("FlowControl", variant, MessageType::FlowControl, &signal);
        vectors.push(vector.await?.protobuf(&envelope(protobuf)));
    }
    for (variant, message, protobuf) in logs() {
        let on_process_stream = envelope(agent_to_proxy::Message::Log(protobuf.clone()));
        let on_control_stream = AgentControl {
            message: Some(agent_control::Message::Log(protobuf)),
        };
        for (name, bytes) in [
            ("Log", on_process_stream),
            ("AgentControl.log", on_control_stream.encode_to_vec()),
        ] {
            let vector = Vector::new(name, variant, Side::Agent);
            vectors.push(vector.value(json!(message)).protobuf(&bytes));
        }
    }
    vectors.extend(proxy_control());
    Ok(vectors)
}

/// A report as the crate's types serialise, in a frame as the crate writes it.
async fn report(
    name: &str,
    variant: &str,
    message_type: MessageType,
    value: &impl Serialize,
) -> Result<Vector, Failure> {
    Ok(Vector::new(name, variant, Side::Agent)
        .value(json!(value))
        .json(&frame(message_type, &Json.serialize(value)?).await?)
        .msgpack(&frame(message_type, &MessagePack.serialize(value)?).await?))
}

fn envelope(message: agent_to_proxy::Message) -> Vec<u8> {
    let envelope = AgentToProxy {
        message: Some(message),
    };
    envelope.encode_to_vec()
}

fn health() -> Vec<(&'static str, HealthStatus, grpc_v2::HealthStatus)> {
    let with_state = |state| HealthStatus {
        state,
        timestamp_ms: NOW,
        ..HealthStatus::healthy(AGENT)
    };
    let protobuf = |state: grpc_v2::HealthState| grpc_v2::HealthStatus {
        agent_id: AGENT.into(),
        state: state.into(),
        timestamp_ms: NOW,
        ..Default::default()
    };
    let full = HealthStatus {
        message: Some("all is well".into()),
        load: Some(LoadMetrics {
            in_flight: 3,
            queue_depth: 4,
            avg_latency_ms: 1.5,
            p50_latency_ms: 1.1,
            p95_latency_ms: 9.9,
            p99_latency_ms: 20.25,
            requests_processed: u64::MAX,
            requests_rejected: 5,
            requests_timed_out: 6,
        }),
        resources: Some(ResourceMetrics {
            cpu_percent: Some(12.3),
            memory_bytes: Some(1 << 33),
            memory_limit: Some(1 << 34),
            active_threads: Some(7),
            open_fds: Some(8),
            fd_limit: Some(9),
            connections: Some(10),
        }),
        valid_until_ms: Some(NOW + 10_000),
        ..with_state(HealthState::Healthy)
    };
    let full_protobuf = grpc_v2::HealthStatus {
        message: Some("all is well".into()),
        load: Some(grpc_v2::LoadMetrics {
            in_flight: 3,
            queue_depth: 4,
            avg_latency_ms: 1.5,
            p50_latency_ms: 1.1,
            p95_latency_ms: 9.9,
            p99_latency_ms: 20.25,
            requests_processed: u64::MAX,
            requests_rejected: 5,
            requests_timed_out: 6,
        }),
        resources: Some(grpc_v2::ResourceMetrics {
            cpu_percent: Some(12.3),
            memory_bytes: Some(1 << 33),
            memory_limit: Some(1 << 34),
            active_threads: Some(7),
            open_fds: Some(8),
            fd_limit: Some(9),
            connections: Some(10),
        }),
        valid_until_ms: Some(NOW + 10_000),
        ..protobuf(grpc_v2::HealthState::Healthy)
    };
    let empty_resources = HealthStatus {
        resources: Some(ResourceMetrics::default()),
        ..with_state(HealthState::Draining { eta_ms: None })
    };
    vec![
        ("full", full, full_protobuf),
        (
            "none",
            with_state(HealthState::Healthy),
            protobuf(grpc_v2::HealthState::Healthy),
        ),
        (
            "degraded",
            with_state(HealthState::Degraded {
                disabled_features: vec!["body".into()],
                timeout_multiplier: 1.2,
            }),
            grpc_v2::HealthStatus {
                disabled_features: vec!["body".into()],
                timeout_multiplier: 1.2,
                ..protobuf(grpc_v2::HealthState::Degraded)
            },
        ),
        (
            "draining",
            with_state(HealthState::Draining { eta_ms: Some(5000) }),
            grpc_v2::HealthStatus {
                drain_eta_ms: Some(5000),
                ..protobuf(grpc_v2::HealthState::Draining)
            },
        ),
        (
            "draining-none",
            empty_resources,
            grpc_v2::HealthStatus {
                resources: Some(grpc_v2::ResourceMetrics::default()),
                ..protobuf(grpc_v2::HealthState::Draining)
            },
        ),
        (
            "unhealthy",
            with_state(HealthState::Unhealthy {
                reason: "out of memory".into(),
                recoverable: true,
            }),
            grpc_v2::HealthStatus {
                unhealthy_reason: Some("out of memory".into()),
                recoverable: true,
                ..protobuf(grpc_v2::HealthState::Unhealthy)
            },
        ),
    ]
}

type Metrics = (&'static str, MetricsReport, grpc_v2::MetricsReport);

fn metrics() -> Result<Vec<Metrics>, Failure> {
    let labels = || HashMap::from([("route".to_owned(), "api".to_owned())]);
    let buckets = [(0.005, 1), (1.0, 2), (f64::INFINITY, 3)];
    let none = MetricsReport {
        timestamp_ms: NOW,
        ..MetricsReport::new(AGENT, 10_000)
    };
    let none_protobuf = grpc_v2::MetricsReport {
        agent_id: AGENT.into(),
        timestamp_ms: NOW,
        interval_ms: 10_000,
        ..Default::default()
    };
    // The crate exports another type under the name of this one, so that it cannot be named from outside.
    let with_histogram: MetricsReport = serde_json::from_value(json!({
        "agent_id": AGENT,
        "timestamp_ms": NOW,
        "interval_ms": 10_000,
        "histograms": [{
            "name": "agent_seconds",
            "labels": labels(),
            "sum": 1.25,
            "count": 3,
            "buckets": buckets.map(|(le, count)| HistogramBucket { le, count }),
        }],
    }))?;
    let full = MetricsReport {
        counters: vec![
            CounterMetric {
                help: Some("Requests".into()),
                labels: labels(),
                ..CounterMetric::new("agent_requests_total", u64::MAX)
            },
            CounterMetric::new("agent_errors_total", 0),
        ],
        gauges: vec![
            GaugeMetric {
                help: Some("Depth".into()),
                labels: labels(),
                ..GaugeMetric::new("agent_queue_depth", -1.5)
            },
            GaugeMetric::new("agent_in_flight_requests", 3.0),
        ],
        ..with_histogram
    };
    let full_protobuf = grpc_v2::MetricsReport {
        counters: vec![
            grpc_v2::CounterMetric {
                name: "agent_requests_total".into(),
                help: Some("Requests".into()),
                labels: labels(),
                value: u64::MAX,
            },
            grpc_v2::CounterMetric {
                name: "agent_errors_total".into(),
                ..Default::default()
            },
        ],
        gauges: vec![
            grpc_v2::GaugeMetric {
                name: "agent_queue_depth".into(),
                help: Some("Depth".into()),
                labels: labels(),
                value: -1.5,
            },
            grpc_v2::GaugeMetric {
                name: "agent_in_flight_requests".into(),
                value: 3.0,
                ..Default::default()
            },
        ],
        histograms: vec![grpc_v2::HistogramMetric {
            name: "agent_seconds".into(),
            help: None,
            labels: labels(),
            sum: 1.25,
            count: 3,
            buckets: buckets
                .map(|(le, count)| grpc_v2::HistogramBucket { le, count })
                .to_vec(),
        }],
        ..none_protobuf.clone()
    };
    Ok(vec![
        ("full", full, full_protobuf),
        ("none", none, none_protobuf),
    ])
}

fn config_updates() -> Vec<(
    &'static str,
    ConfigUpdateRequest,
    grpc_v2::ConfigUpdateRequest,
)> {
    let rule = RuleDefinition {
        id: "r-1".into(),
        priority: -5,
        definition: json!({ "match": "/admin" }),
        enabled: true,
        description: Some("Nobody in".into()),
        tags: vec!["admin".into()],
    };
    let bare_rule = RuleDefinition {
        id: "r-2".into(),
        priority: 0,
        definition: json!(null),
        enabled: false,
        description: None,
        tags: Vec::new(),
    };
    let rules_protobuf = [&rule, &bare_rule].map(|rule| grpc_v2::RuleDefinition {
        id: rule.id.clone(),
        priority: rule.priority,
        definition_json: rule.definition.to_string(),
        enabled: rule.enabled,
        description: rule.description.clone(),
        tags: rule.tags.clone(),
    });
    let updates = [
        (
            "request_reload",
            ConfigUpdateType::RequestReload,
            UpdateType::RequestReload(grpc_v2::RequestReload {}),
        ),
        (
            "rule_update",
            ConfigUpdateType::RuleUpdate {
                rule_set: "main".into(),
                rules: vec![rule, bare_rule],
                remove_rules: vec!["r-0".into()],
            },
            UpdateType::RuleUpdate(grpc_v2::RuleUpdate {
                rule_set: "main".into(),
                rules: rules_protobuf.to_vec(),
                remove_rules: vec!["r-0".into()],
            }),
        ),
        (
            "list_update",
            ConfigUpdateType::ListUpdate {
                list_id: "blocked".into(),
                add: vec!["203.0.113.9".into()],
                remove: vec![],
            },
            UpdateType::ListUpdate(grpc_v2::ListUpdate {
                list_id: "blocked".into(),
                add: vec!["203.0.113.9".into()],
                remove: vec![],
            }),
        ),
        (
            "restart_required",
            ConfigUpdateType::RestartRequired {
                reason: "new rules".into(),
                grace_period_ms: 5000,
            },
            UpdateType::RestartRequired(grpc_v2::RestartRequired {
                reason: "new rules".into(),
                grace_period_ms: 5000,
            }),
        ),
        (
            "config_error",
            ConfigUpdateType::ConfigError {
                error: "no such list".into(),
                field: Some("lists".into()),
            },
            UpdateType::ConfigError(grpc_v2::ConfigError {
                error: "no such list".into(),
                field: Some("lists".into()),
            }),
        ),
        (
            "config_error-none",
            ConfigUpdateType::ConfigError {
                error: "no such list".into(),
                field: None,
            },
            UpdateType::ConfigError(grpc_v2::ConfigError {
                error: "no such list".into(),
                field: None,
            }),
        ),
    ];
    updates
        .into_iter()
        .map(|(variant, update_type, protobuf)| {
            let request = ConfigUpdateRequest {
                update_type,
                request_id: "u-1".into(),
                timestamp_ms: NOW,
            };
            let protobuf = grpc_v2::ConfigUpdateRequest {
                request_id: "u-1".into(),
                timestamp_ms: NOW,
                update_type: Some(protobuf),
            };
            (variant, request, protobuf)
        })
        .collect()
}

fn flow_control() -> Vec<(&'static str, FlowControlSignal, grpc_v2::FlowControlSignal)> {
    let signals = [
        (
            "pause",
            None,
            FlowAction::Pause,
            grpc_v2::FlowAction::Pause,
            None,
        ),
        (
            "resume",
            Some(ID),
            FlowAction::Resume,
            grpc_v2::FlowAction::Resume,
            None,
        ),
        (
            "update_capacity",
            None,
            FlowAction::UpdateCapacity {
                buffer_available: 1 << 40,
            },
            grpc_v2::FlowAction::UpdateCapacity,
            Some(1 << 40),
        ),
    ];
    signals
        .into_iter()
        .map(|(variant, id, action, action_number, buffer_available)| {
            let correlation_id = id.map(str::to_owned);
            let signal = FlowControlSignal {
                correlation_id: correlation_id.clone(),
                action,
                timestamp_ms: NOW,
            };
            let protobuf = grpc_v2::FlowControlSignal {
                correlation_id,
                action: action_number.into(),
                buffer_available,
                timestamp_ms: NOW,
            };
            (variant, signal, protobuf)
        })
        .collect()
}

fn logs() -> Vec<(&'static str, LogMessage, grpc_v2::LogMessage)> {
    let full = LogMessage {
        level: LogLevel::Warn,
        message: "slow rule".into(),
        correlation_id: Some(ID.into()),
        fields: HashMap::from([("rule".into(), "r-1".into())]),
        timestamp_ms: NOW,
    };
    let none = LogMessage {
        level: LogLevel::Debug,
        correlation_id: None,
        fields: HashMap::new(),
        ..full.clone()
    };
    let full_protobuf = grpc_v2::LogMessage {
        level: grpc_v2::LogLevel::Warn.into(),
        message: "slow rule".into(),
        correlation_id: Some(ID.into()),
        fields: HashMap::from([("rule".into(), "r-1".into())]),
        timestamp_ms: NOW,
    };
    let none_protobuf = grpc_v2::LogMessage {
        level: grpc_v2::LogLevel::Debug.into(),
        correlation_id: None,
        fields: HashMap::new(),
        ..full_protobuf.clone()
    };
    vec![("full", full, full_protobuf), ("none", none, none_protobuf)]
}

/// What a proxy sends on a control stream.
fn proxy_control() -> Vec<Vector> {
    // As JSON, because the crate exports other types under the names of the two reasons.
    let shutdown = json!({ "reason": "upgrade", "grace_period_ms": 5000, "timestamp_ms": NOW });
    let drain = json!({ "duration_ms": 30_000, "reason": "maintenance", "timestamp_ms": NOW });
    let refused = ConfigUpdateResponse {
        timestamp_ms: NOW,
        ..ConfigUpdateResponse::failure("u-1", "no")
    };
    let messages = [
        (
            "ProxyControl.shutdown",
            shutdown,
            proxy_control::Message::Shutdown(grpc_v2::ShutdownRequest {
                reason: grpc_v2::shutdown_request::Reason::Upgrade.into(),
                grace_period_ms: 5000,
                timestamp_ms: NOW,
            }),
        ),
        (
            "ProxyControl.drain",
            drain,
            proxy_control::Message::Drain(grpc_v2::DrainRequest {
                duration_ms: 30_000,
                reason: grpc_v2::drain_request::Reason::Maintenance.into(),
                timestamp_ms: NOW,
            }),
        ),
        (
            "ProxyControl.config_response",
            json!(refused),
            proxy_control::Message::ConfigResponse(grpc_v2::ConfigUpdateResponse {
                request_id: "u-1".into(),
                accepted: false,
                error: Some("no".into()),
                timestamp_ms: NOW,
            }),
        ),
    ];
    messages
        .into_iter()
        .map(|(name, value, message)| {
            let envelope = ProxyControl {
                message: Some(message),
            };
            Vector::new(name, "full", Side::Proxy)
                .value(value)
                .protobuf(&envelope.encode_to_vec())
        })
        .collect()
}
