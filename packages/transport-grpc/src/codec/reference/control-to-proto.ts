import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  Cancel,
  ConfigUpdateRequest,
  ConfigUpdateResponse,
  Drain,
  FlowControl,
  HealthStatus,
  LogMessage,
  Shutdown,
} from '@agentwire/core';
import type {
  CancelRequestSchema,
  ConfigUpdateRequestSchema,
  ConfigUpdateResponseSchema,
  DrainRequestSchema,
  FlowControlSignalSchema,
  HealthStatusSchema,
  LogMessageSchema,
  ShutdownRequestSchema,
} from '../../gen/zentinel/agent/v2/agent_pb.ts';
import { copyMap, toJson } from './json-fields.ts';
import { toOptionalUint64, toUint32, toUint64 } from './number-fields.ts';
import { present } from './present.ts';
import {
  CANCEL_REASONS,
  DRAIN_REASONS,
  FLOW_ACTIONS,
  HEALTH_STATES,
  LOG_LEVELS,
  SHUTDOWN_REASONS,
} from './word-fields.ts';

/** Cancel as protobuf-es takes it; third-party peers always get a reason. */
export function toCancel(
  message: Cancel,
  isAgentwire: boolean,
  nowMs: number,
): MessageInitShape<typeof CancelRequestSchema> {
  return {
    correlationId: String(message.id),
    reason: CANCEL_REASONS.numberOf(message.reason ?? (isAgentwire ? undefined : 'manual')),
    timestampMs: toUint64('timestampMs', message.timestampMs ?? (isAgentwire ? 0 : nowMs)),
  };
}

/** Drain as protobuf-es takes it. */
export function toDrain(message: Drain, nowMs: number): MessageInitShape<typeof DrainRequestSchema> {
  const reason = DRAIN_REASONS.numberOf(message.reason);
  return present({
    durationMs: toUint64('durationMs', message.durationMs ?? 0),
    reason,
    timestampMs: BigInt(Math.trunc(nowMs)),
    reasonText: reason === 0 ? message.reason : undefined,
  });
}

/** Shutdown as protobuf-es takes it. */
export function toShutdown(message: Shutdown, nowMs: number): MessageInitShape<typeof ShutdownRequestSchema> {
  const reason = SHUTDOWN_REASONS.numberOf(message.reason);
  return present({
    gracePeriodMs: toUint64('durationMs', message.durationMs ?? 0),
    reason,
    timestampMs: BigInt(Math.trunc(nowMs)),
    reasonText: reason === 0 ? message.reason : undefined,
  });
}

/** HealthStatus as protobuf-es takes it. */
export function toHealth(message: HealthStatus): MessageInitShape<typeof HealthStatusSchema> {
  const { load, resources } = message;
  return present({
    agentId: message.agentId,
    state: HEALTH_STATES.numberOf(message.state),
    message: message.message,
    load:
      load === undefined
        ? undefined
        : {
            inFlight: toUint32('load.inFlight', load.inFlight),
            queueDepth: toUint32('load.queueDepth', load.queueDepth),
            avgLatencyMs: load.averageLatencyMs,
            p50LatencyMs: load.p50LatencyMs,
            p95LatencyMs: load.p95LatencyMs,
            p99LatencyMs: load.p99LatencyMs,
            requestsProcessed: toUint64('load.requestsProcessed', load.requestsProcessed),
            requestsRejected: toUint64('load.requestsRejected', load.requestsRejected),
            requestsTimedOut: toUint64('load.requestsTimedOut', load.requestsTimedOut),
          },
    resources:
      resources === undefined
        ? undefined
        : present({
            cpuPercent: resources.cpuPercent,
            memoryBytes: toOptionalUint64('resources.memoryBytes', resources.memoryBytes),
            memoryLimit: toOptionalUint64('resources.memoryLimit', resources.memoryLimit),
            activeThreads: resources.activeThreads,
            openFds: resources.openFds,
            fdLimit: resources.fdLimit,
            connections: resources.connections,
          }),
    validUntilMs: toOptionalUint64('validUntilMs', message.validUntilMs),
    timestampMs: toUint64('timestampMs', message.timestampMs),
    disabledFeatures: [...(message.disabledFeatures ?? [])],
    timeoutMultiplier: message.timeoutMultiplier,
    drainEtaMs: toOptionalUint64('drainEtaMs', message.drainEtaMs),
    unhealthyReason: message.unhealthyReason,
    recoverable: message.recoverable,
  });
}

type UpdateType = NonNullable<MessageInitShape<typeof ConfigUpdateRequestSchema>['updateType']>;

function toUpdate({ update }: ConfigUpdateRequest): UpdateType {
  switch (update.type) {
    case 'requestReload':
      return { case: 'requestReload', value: {} };
    case 'ruleUpdate': {
      const rules = update.rules.map(({ definition, tags, ...rule }) =>
        present({ ...rule, definitionJson: toJson(definition), tags: [...tags] }),
      );
      return { case: 'ruleUpdate', value: { ruleSet: update.ruleSet, rules, removeRules: [...update.removeRules] } };
    }
    case 'listUpdate':
      return {
        case: 'listUpdate',
        value: { listId: update.listId, add: [...update.add], remove: [...update.remove] },
      };
    case 'restartRequired':
      return {
        case: 'restartRequired',
        value: { reason: update.reason, gracePeriodMs: toUint64('gracePeriodMs', update.gracePeriodMs) },
      };
    default:
      return { case: 'configError', value: present({ error: update.error, field: update.field }) };
  }
}

/** ConfigUpdateRequest as protobuf-es takes it. */
export function toConfigUpdate(message: ConfigUpdateRequest): MessageInitShape<typeof ConfigUpdateRequestSchema> {
  return {
    requestId: message.requestId,
    timestampMs: toUint64('timestampMs', message.timestampMs),
    updateType: toUpdate(message),
  };
}

/** ConfigUpdateResponse as protobuf-es takes it. */
export function toConfigResponse(message: ConfigUpdateResponse): MessageInitShape<typeof ConfigUpdateResponseSchema> {
  return present({
    requestId: message.requestId,
    accepted: message.accepted,
    error: message.error,
    timestampMs: toUint64('timestampMs', message.timestampMs),
  });
}

/** FlowControl as protobuf-es takes it. */
export function toFlowControl(message: FlowControl): MessageInitShape<typeof FlowControlSignalSchema> {
  return present({
    correlationId: message.id === undefined ? undefined : String(message.id),
    action: FLOW_ACTIONS.numberOf(message.action),
    bufferAvailable: toOptionalUint64('bufferAvailable', message.bufferAvailable),
    timestampMs: toOptionalUint64('timestampMs', message.timestampMs),
  });
}

/** LogMessage as protobuf-es takes it. */
export function toLog(message: LogMessage): MessageInitShape<typeof LogMessageSchema> {
  return present({
    level: LOG_LEVELS.numberOf(message.level),
    message: message.message,
    correlationId: message.id === undefined ? undefined : String(message.id),
    fields: copyMap(message.fields),
    timestampMs: toUint64('timestampMs', message.timestampMs),
  });
}
