import { AgentwireError } from '@agentwire/core';
import { checkOneOf, OPTION, type OptionCheck, type OptionTable, resolveOptions } from '@agentwire/core/internal';
import type { Pid } from './pid.ts';

/** Whom a process may send to; built with the functions of {@link scope}. */
export type IpcScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'parentOnly' }
  | { readonly kind: 'restricted'; readonly pids: readonly Pid[] }
  | { readonly kind: 'topic'; readonly names: readonly string[] }
  | { readonly kind: 'none' };

/** Makes scopes: `scope.all`, `scope.restricted([2, 3])`, `scope.topic(['build.>'])`. */
export const scope: {
  /** Everybody. */
  readonly all: IpcScope;
  /** Only the process that started this one. */
  readonly parentOnly: IpcScope;
  /** Only these pids. */
  readonly restricted: (pids: readonly Pid[]) => IpcScope;
  /** Only topics that one of these names or patterns covers, to publish and to subscribe. */
  readonly topic: (names: readonly string[]) => IpcScope;
  /** No target at all. */
  readonly none: IpcScope;
} = {
  all: Object.freeze({ kind: 'all' }),
  parentOnly: Object.freeze({ kind: 'parentOnly' }),
  restricted: (pids) => ({ kind: 'restricted', pids }),
  topic: (names) => ({ kind: 'topic', names }),
  none: Object.freeze({ kind: 'none' }),
};

/** Rights and limits of a process. */
export interface AgentCapabilities {
  /** May start processes. Default true. */
  readonly canSpawn: boolean;
  /** May send, publish and subscribe at all. Default true. */
  readonly canIpc: boolean;
  /** May send tool calls. Default true. */
  readonly canExecTools: boolean;
  /** May open network connections of its own; messages to other nodes go by `ipcScope`. Default false. */
  readonly canNetwork: boolean;
  /** Whom it may send to. Default {@link scope}.all. */
  readonly ipcScope: IpcScope;
  /** Bytes of memory it may use; carried for the runner of the process. Default 256 MiB. */
  readonly maxMemoryBytes: number;
  /** Milliseconds of processor time it may use; carried for the runner of the process. Default 300 000. */
  readonly maxCpuTimeMs: number;
  /** Tool calls per second, with a burst of one second's worth; 0 for none. They count as messages too. Default `Infinity`: no limit. */
  readonly maxToolCalls: number;
  /**
   * Messages per second, with a burst of one second's worth; 0 for none. Default `Infinity`: no limit.
   *
   * Attempts count, also those that a gate denies; answers to live requests do not.
   */
  readonly maxMessages: number;
}

/** Defaults of {@link AgentCapabilities}. */
export const CAPABILITY_DEFAULTS: AgentCapabilities = Object.freeze({
  canSpawn: true,
  canIpc: true,
  canExecTools: true,
  canNetwork: false,
  ipcScope: scope.all,
  maxMemoryBytes: 256 * 1024 * 1024,
  maxCpuTimeMs: 300_000,
  maxToolCalls: Infinity,
  maxMessages: Infinity,
});

const SCOPES = ['all', 'parentOnly', 'restricted', 'topic', 'none'] as const;

const amount: OptionCheck = (name, value) => {
  if (value !== Infinity && !(Number.isSafeInteger(value) && Number(value) >= 0))
    throw invalid(name, 'an integer from 0, or Infinity');
};

const TABLE: OptionTable<AgentCapabilities> = {
  canSpawn: { check: OPTION.boolean, default: CAPABILITY_DEFAULTS.canSpawn },
  canIpc: { check: OPTION.boolean, default: CAPABILITY_DEFAULTS.canIpc },
  canExecTools: { check: OPTION.boolean, default: CAPABILITY_DEFAULTS.canExecTools },
  canNetwork: { check: OPTION.boolean, default: CAPABILITY_DEFAULTS.canNetwork },
  ipcScope: {
    check: (_name, value) => void checkOneOf('ipcScope.kind', (value as IpcScope | null)?.kind, SCOPES),
    default: CAPABILITY_DEFAULTS.ipcScope,
  },
  maxMemoryBytes: { check: amount, default: CAPABILITY_DEFAULTS.maxMemoryBytes },
  maxCpuTimeMs: { check: amount, default: CAPABILITY_DEFAULTS.maxCpuTimeMs },
  maxToolCalls: { check: amount, default: CAPABILITY_DEFAULTS.maxToolCalls },
  maxMessages: { check: amount, default: CAPABILITY_DEFAULTS.maxMessages },
};

/** Completes capabilities with {@link CAPABILITY_DEFAULTS}; throws `ERR_INVALID_ARGUMENT` for a key or value it does not know. */
export function resolveCapabilities(capabilities: Partial<AgentCapabilities> = {}): AgentCapabilities {
  const all = resolveOptions('capabilities', capabilities as AgentCapabilities, TABLE);
  return Object.freeze({ ...all, ipcScope: copyScope(all.ipcScope) });
}

/** A scope is copied too, so that a list of pids or names which its maker changes later widens nothing. */
function copyScope(given: IpcScope): IpcScope {
  if (given.kind === 'restricted') {
    if (!Array.isArray(given.pids) || !given.pids.every((pid) => Number.isSafeInteger(pid)))
      throw invalid('ipcScope.pids', 'a list of pids');
    return Object.freeze({ kind: 'restricted', pids: Object.freeze([...given.pids]) });
  }
  if (given.kind === 'topic') {
    if (!Array.isArray(given.names) || !given.names.every((name) => typeof name === 'string'))
      throw invalid('ipcScope.names', 'a list of topics and patterns');
    return Object.freeze({ kind: 'topic', names: Object.freeze([...given.names]) });
  }
  return given;
}

function invalid(name: string, wanted: string): AgentwireError {
  return new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be ${wanted}`);
}
