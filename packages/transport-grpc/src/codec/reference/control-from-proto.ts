import {
  AgentwireError,
  type Cancel,
  type ConfigUpdate,
  type ConfigUpdateRequest,
  type ConfigUpdateResponse,
  type Drain,
  type FlowControl,
  type HealthStatus,
  type LogMessage,
  type Ping,
  type Pong,
  type Shutdown,
} from '@agentwire/core';
import type {
  CancelRequest,
  ConfigUpdateRequest as ConfigUpdateFields,
  ConfigUpdateResponse as ConfigResponseFields,
  DrainRequest,
  FlowControlSignal,
  HealthStatus as HealthFields,
  LogMessage as LogFields,
  Ping as PingFields,
  Pong as PongFields,
  ShutdownRequest,
} from '../../gen/zentinel/agent/v2/agent_pb.ts';
import type { ExactPings } from './exact-pings.ts';
import { copyMap, fromJson } from './json-fields.ts';
import { fromOptionalUint64, fromUint64 } from './number-fields.ts';
import { present } from './present.ts';
import {
  CANCEL_REASONS,
  DRAIN_REASONS,
  FLOW_ACTIONS,
  HEALTH_STATES,
  LOG_LEVELS,
  SHUTDOWN_REASONS,
} from './word-fields.ts';

const unlessZero = (value: number): number | undefined => (value === 0 ? undefined : value);

/** Reads a CancelRequest; a reason without a word is none. */
export function fromCancel(fields: CancelRequest): Cancel {
  return present({
    type: 'cancel' as const,
    id: fields.correlationId,
    reason: CANCEL_REASONS.wordOf(fields.reason),
    timestampMs: unlessZero(fromUint64('cancel.timestamp_ms', fields.timestampMs)),
  });
}

/** Reads a Ping; its numbers are kept for the pong where there is a memory for them. @throws AgentwireError `ERR_PROTOCOL` */
export function fromPing(fields: PingFields, pings: ExactPings | undefined): Ping {
  const { sequence, timestampMs } = fields;
  if (pings !== undefined) return pings.read({ sequence, timestampMs });
  return {
    type: 'ping',
    sequence: fromUint64('ping.sequence', sequence),
    timestampMs: fromUint64('ping.timestamp_ms', timestampMs),
  };
}

/** Reads a Pong. */
export function fromPong(fields: PongFields): Pong {
  return {
    type: 'pong',
    sequence: fromUint64('pong.sequence', fields.sequence),
    timestampMs: fromUint64('pong.ping_timestamp_ms', fields.pingTimestampMs),
  };
}

/** Reads a DrainRequest. */
export function fromDrain(fields: DrainRequest): Drain {
  return present({
    type: 'drain' as const,
    reason: fields.reasonText ?? DRAIN_REASONS.wordOf(fields.reason),
    durationMs: unlessZero(fromUint64('drain.duration_ms', fields.durationMs)),
  });
}

/** Reads a ShutdownRequest. */
export function fromShutdown(fields: ShutdownRequest): Shutdown {
  return present({
    type: 'shutdown' as const,
    reason: fields.reasonText ?? SHUTDOWN_REASONS.wordOf(fields.reason),
    durationMs: unlessZero(fromUint64('shutdown.grace_period_ms', fields.gracePeriodMs)),
  });
}

function fromLoad(fields: NonNullable<HealthFields['load']>): NonNullable<HealthStatus['load']> {
  return {
    inFlight: fields.inFlight,
    queueDepth: fields.queueDepth,
    averageLatencyMs: fields.avgLatencyMs,
    p50LatencyMs: fields.p50LatencyMs,
    p95LatencyMs: fields.p95LatencyMs,
    p99LatencyMs: fields.p99LatencyMs,
    requestsProcessed: fromUint64('load.requests_processed', fields.requestsProcessed),
    requestsRejected: fromUint64('load.requests_rejected', fields.requestsRejected),
    requestsTimedOut: fromUint64('load.requests_timed_out', fields.requestsTimedOut),
  };
}

function fromResources(fields: NonNullable<HealthFields['resources']>): NonNullable<HealthStatus['resources']> {
  return present({
    cpuPercent: fields.cpuPercent,
    memoryBytes: fromOptionalUint64('resources.memory_bytes', fields.memoryBytes),
    memoryLimit: fromOptionalUint64('resources.memory_limit', fields.memoryLimit),
    activeThreads: fields.activeThreads,
    openFds: fields.openFds,
    fdLimit: fields.fdLimit,
    connections: fields.connections,
  });
}

/** Reads a HealthStatus. @throws AgentwireError `ERR_PROTOCOL` for an unknown state. */
export function fromHealth(fields: HealthFields): HealthStatus {
  const state = HEALTH_STATES.wordOf(fields.state);
  if (state === undefined) {
    throw new AgentwireError('ERR_PROTOCOL', `health.state must be from 1 to 4, got ${fields.state}`);
  }
  return present({
    type: 'healthStatus' as const,
    agentId: fields.agentId,
    state,
    message: fields.message,
    load: fields.load === undefined ? undefined : fromLoad(fields.load),
    resources: fields.resources === undefined ? undefined : fromResources(fields.resources),
    validUntilMs: fromOptionalUint64('health.valid_until_ms', fields.validUntilMs),
    timestampMs: fromUint64('health.timestamp_ms', fields.timestampMs),
    disabledFeatures: fields.disabledFeatures.length === 0 ? undefined : fields.disabledFeatures,
    timeoutMultiplier: unlessZero(fields.timeoutMultiplier),
    drainEtaMs: fromOptionalUint64('health.drain_eta_ms', fields.drainEtaMs),
    unhealthyReason: fields.unhealthyReason,
    recoverable: state === 'unhealthy' || fields.recoverable ? fields.recoverable : undefined,
  });
}

function fromUpdate({ updateType }: ConfigUpdateFields): ConfigUpdate {
  switch (updateType.case) {
    case 'requestReload':
      return { type: 'requestReload' };
    case 'ruleUpdate': {
      const { ruleSet, rules, removeRules } = updateType.value;
      const read = rules.map(({ id, priority, definitionJson, enabled, description, tags }) =>
        present({
          id,
          priority,
          definition: fromJson('rule.definition_json', definitionJson),
          enabled,
          description,
          tags,
        }),
      );
      return { type: 'ruleUpdate', ruleSet, rules: read, removeRules };
    }
    case 'listUpdate': {
      const { listId, add, remove } = updateType.value;
      return { type: 'listUpdate', listId, add, remove };
    }
    case 'restartRequired': {
      const { reason, gracePeriodMs } = updateType.value;
      return { type: 'restartRequired', reason, gracePeriodMs: fromUint64('grace_period_ms', gracePeriodMs) };
    }
    case 'configError':
      return present({ type: 'configError' as const, error: updateType.value.error, field: updateType.value.field });
    default:
      throw new AgentwireError('ERR_PROTOCOL', 'config_update has no update_type');
  }
}

/** Reads a ConfigUpdateRequest. @throws AgentwireError `ERR_PROTOCOL` without an update. */
export function fromConfigUpdate(fields: ConfigUpdateFields): ConfigUpdateRequest {
  return {
    type: 'configUpdateRequest',
    requestId: fields.requestId,
    update: fromUpdate(fields),
    timestampMs: fromUint64('config_update.timestamp_ms', fields.timestampMs),
  };
}

/** Reads a ConfigUpdateResponse. */
export function fromConfigResponse(fields: ConfigResponseFields): ConfigUpdateResponse {
  return present({
    type: 'configUpdateResponse' as const,
    requestId: fields.requestId,
    accepted: fields.accepted,
    error: fields.error,
    timestampMs: fromUint64('config_response.timestamp_ms', fields.timestampMs),
  });
}

/** Reads a FlowControlSignal. @throws AgentwireError `ERR_PROTOCOL` for an unknown action, which is no resume. */
export function fromFlowControl(fields: FlowControlSignal): FlowControl {
  const action = FLOW_ACTIONS.wordOf(fields.action);
  if (action === undefined) {
    throw new AgentwireError('ERR_PROTOCOL', `flow_control.action must be from 1 to 3, got ${fields.action}`);
  }
  return present({
    type: 'flowControl' as const,
    action,
    id: fields.correlationId,
    bufferAvailable: fromOptionalUint64('flow_control.buffer_available', fields.bufferAvailable),
    timestampMs: unlessZero(fromUint64('flow_control.timestamp_ms', fields.timestampMs)),
  });
}

/** Reads a LogMessage; an unknown level is `info`. */
export function fromLog(fields: LogFields): LogMessage {
  return present({
    type: 'log' as const,
    level: LOG_LEVELS.wordOf(fields.level) ?? 'info',
    message: fields.message,
    id: fields.correlationId,
    fields: copyMap(fields.fields),
    timestampMs: fromUint64('log.timestamp_ms', fields.timestampMs),
  });
}
