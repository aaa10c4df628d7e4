import { type Clock, type Logger, type MetricsRecorder, systemClock, type Tracer } from '@agentwire/core';
import {
  checkOptions,
  countRepeats,
  OPTION,
  type OptionRows,
  type Resolved,
  resolveOptions,
  silentLogger,
} from '@agentwire/core/internal';
import type { ChainManager } from '../chain/chain-manager.ts';
import type { GateBackend } from '../gate/gate.ts';
import type { DeadLetters } from '../inbox/dead-letters.ts';
import { INBOX_ROWS, type InboxOptions } from '../inbox/inbox-options.ts';
import type { ReceivedMessage } from '../message/received-message.ts';
import type { AgentCapabilities } from '../process/capabilities.ts';
import type { CapabilityChecker } from '../process/capability-checker.ts';
import type { Pid } from '../process/pid.ts';
import type { ProcessTable } from '../process/process-table.ts';
import type { ServiceRegistry } from '../routing/service-registry.ts';
import type { TopicRouter } from '../routing/topic-router.ts';
import { checkInterceptors, type Interceptor } from './interceptors.ts';
import type { RemoteBackend } from './remote-backend.ts';

/** Settings of a router besides its collaborators. */
export interface RouterSettings {
  /** Registry of services and their owners. Default: a new, empty one. */
  readonly serviceRegistry?: ServiceRegistry | undefined;
  /** Judges every message at routing time; may also be set once later. Default: none. */
  readonly gate?: GateBackend | undefined;
  /** Milliseconds that an asynchronous gate or schema may take before that counts as a denial, 1 to 600 000. Default 5000. */
  readonly gateTimeoutMs?: number | undefined;
  /** Effect of `defer`: deliver with the mark `deferred`, or park until `resolveDeferred`. Default `mark`. */
  readonly deferMode?: 'mark' | 'park' | undefined;
  /**
   * End that checks arguments against contracts: the receiving one, or the sending one before its gate as well, there also against the JSON
   * schemas that other nodes announce. Default `receiver`.
   */
  readonly checkContracts?: 'receiver' | 'both' | undefined;
  /** Code around every send and every handler that `endpoint.serve` runs, the first one outermost; 100 at most. Default: none. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** Messages parked at most; the next one is denied. 1 to 1 000 000, default 1024. */
  readonly maxParked?: number | undefined;
  /** Milliseconds that a message stays parked before it counts as denied, 1 to 86 400 000. Default 60 000. */
  readonly parkTimeoutMs?: number | undefined;
  /** Audit chain that every message is recorded in. Default: none. */
  readonly chain?: ChainManager | undefined;
  /** Connects to routers on other nodes. Default: none, and remote targets fail with `ERR_NO_HANDLER`. */
  readonly backend?: RemoteBackend | undefined;
  /** Gives the capabilities of a sender on another node; undefined refuses it. Default: every one is refused. */
  readonly acceptRemote?: (nodeId: string, pid: Pid) => Partial<AgentCapabilities> | undefined;
  /**
   * Takes messages for the kernel. Default: none, and they fail with `ERR_NO_HANDLER`.
   *
   * An exception fails the send with `ERR_HANDLER` and is logged; the rejection of an asynchronous one is logged.
   */
  readonly kernelHandler?: ((message: ReceivedMessage) => unknown) | undefined;
  /** Store of messages that no process received. Default: up to 10 000 in memory. */
  readonly deadLetters?: DeadLetters | undefined;
  /** Options of inboxes for which `createInbox` is given none. */
  readonly inbox?: InboxOptions | undefined;
  /** Requests that may wait at once, 1 to 10 000 000. Default 100 000. */
  readonly maxPendingRequests?: number | undefined;
  /** Idempotency keys that are remembered per inbox, 1 to 1 000 000. Default 1024. */
  readonly rememberedKeys?: number | undefined;
  /**
   * Recorder of measurements: sends, deliveries, rejections by code, depths of inboxes, durations of requests. Default: none.
   *
   * It is called within sends; what it throws is logged.
   */
  readonly metrics?: MetricsRecorder | undefined;
  /** Tracer of spans: one for each send, and one for each handler that `endpoint.serve` runs. Default: none. */
  readonly tracer?: Tracer | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
  /** Told about gates that fail and kernel handlers that throw. Default: silent. */
  readonly logger?: Logger | undefined;
}

/** Options of `createA2ARouter`: the collaborators, and {@link RouterSettings}. */
export interface A2ARouterOptions extends RouterSettings {
  /** Processes. Default: a new table of 64. */
  readonly processTable?: ProcessTable | undefined;
  /** Checker of capabilities. Default: one over the process table. */
  readonly capabilityChecker?: CapabilityChecker | undefined;
  /** Topics and their subscribers. Default: a new one. */
  readonly topicRouter?: TopicRouter | undefined;
}

type WithDefault =
  | 'gateTimeoutMs'
  | 'deferMode'
  | 'checkContracts'
  | 'maxParked'
  | 'parkTimeoutMs'
  | 'maxPendingRequests'
  | 'rememberedKeys'
  | 'clock'
  | 'logger';

/** {@link RouterSettings} with every default filled in. */
export type ResolvedRouterSettings = Omit<RouterSettings, WithDefault> & Pick<Resolved<RouterSettings>, WithDefault>;

const ROWS: OptionRows<RouterSettings> = {
  serviceRegistry: { check: OPTION.methods('register', 'unregister', 'choose', 'attach') },
  gate: { check: OPTION.methods('check') },
  gateTimeoutMs: { check: OPTION.integer(1, 600_000), default: 5000 },
  deferMode: { check: OPTION.oneOf('mark', 'park'), default: 'mark' },
  checkContracts: { check: OPTION.oneOf('receiver', 'both'), default: 'receiver' },
  interceptors: { check: (_name, value) => checkInterceptors(value as readonly Interceptor[]) },
  maxParked: { check: OPTION.integer(1, 1_000_000), default: 1024 },
  parkTimeoutMs: { check: OPTION.integer(1, 86_400_000), default: 60_000 },
  chain: { check: OPTION.methods('record', 'durable', 'verify') },
  backend: { check: OPTION.methods('attach', 'deliver', 'forget', 'subscriptionChanged', 'serviceChanged') },
  acceptRemote: { check: OPTION.function },
  kernelHandler: { check: OPTION.function },
  deadLetters: { check: OPTION.methods('add', 'list', 'attach') },
  inbox: { check: OPTION.nested(INBOX_ROWS) },
  maxPendingRequests: { check: OPTION.integer(1, 10_000_000), default: 100_000 },
  rememberedKeys: { check: OPTION.integer(1, 1_000_000), default: 1024 },
  metrics: { check: OPTION.methods('count', 'gauge', 'observe') },
  tracer: { check: OPTION.methods('startSpan') },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Checks the settings of a router and fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveRouterSettings(settings: RouterSettings): ResolvedRouterSettings {
  const resolved = resolveOptions('an A2A router', settings, ROWS);
  return { ...resolved, logger: countRepeats(resolved.logger, resolved.clock) };
}

type Collaborators = Pick<A2ARouterOptions, 'processTable' | 'capabilityChecker' | 'topicRouter'>;

const COLLABORATOR_ROWS: OptionRows<Collaborators> = {
  processTable: { check: OPTION.methods('find', 'insert', 'onExit') },
  capabilityChecker: { check: OPTION.methods('checkTarget', 'canUseTopic') },
  topicRouter: { check: OPTION.methods('subscribe', 'subscribers', 'attach') },
};

/** Takes the collaborators out of the options of `createA2ARouter`. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function splitRouterOptions(options: A2ARouterOptions): readonly [Collaborators, RouterSettings] {
  checkOptions('an A2A router', options, { ...COLLABORATOR_ROWS, ...ROWS });
  const { processTable, capabilityChecker, topicRouter, ...settings } = options;
  return [{ processTable, capabilityChecker, topicRouter }, settings];
}
