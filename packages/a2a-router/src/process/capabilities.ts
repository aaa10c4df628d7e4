import { AgentwireError, checkKnownOptions, checkOneOf } from '@agentwire/core';
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
  /** Nobody. */
  readonly none: IpcScope;
} = {
  all: Object.freeze({ kind: 'all' }),
  parentOnly: Object.freeze({ kind: 'parentOnly' }),
  restricted: (pids) => ({ kind: 'restricted', pids }),
  topic: (names) => ({ kind: 'topic', names }),
  none: Object.freeze({ kind: 'none' }),
};

/** What a process may do and how much of it. */
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
  /** Bytes of memory it may use; carried for whoever runs it. Default 256 MiB. */
  readonly maxMemoryBytes: number;
  /** Milliseconds of processor time it may use; carried for whoever runs it. Default 300 000. */
  readonly maxCpuTimeMs: number;
  /** Tool calls it may send in its life; `Infinity` for no limit. Default 1000. */
  readonly maxToolCalls: number;
  /** Messages it may send in its life; `Infinity` for no limit. Default 5000. */
  readonly maxMessages: number;
}

/** What a process may do when nothing else was said. */
export const CAPABILITY_DEFAULTS: AgentCapabilities = Object.freeze({
  canSpawn: true,
  canIpc: true,
  canExecTools: true,
  canNetwork: false,
  ipcScope: scope.all,
  maxMemoryBytes: 256 * 1024 * 1024,
  maxCpuTimeMs: 300_000,
  maxToolCalls: 1000,
  maxMessages: 5000,
});

const KNOWN = Object.keys(CAPABILITY_DEFAULTS);
const SCOPES = ['all', 'parentOnly', 'restricted', 'topic', 'none'] as const;

/** Completes capabilities with {@link CAPABILITY_DEFAULTS}; throws `ERR_INVALID_ARGUMENT` for a key or value it does not know. */
export function resolveCapabilities(capabilities: Partial<AgentCapabilities> = {}): AgentCapabilities {
  checkKnownOptions('capabilities', capabilities, KNOWN);
  const all = { ...CAPABILITY_DEFAULTS, ...capabilities };
  for (const name of ['canSpawn', 'canIpc', 'canExecTools', 'canNetwork'] as const) {
    if (typeof all[name] !== 'boolean') throw invalid(name, 'true or false');
  }
  for (const name of ['maxMemoryBytes', 'maxCpuTimeMs', 'maxToolCalls', 'maxMessages'] as const) {
    const value = all[name];
    if (value !== Infinity && !(Number.isSafeInteger(value) && value >= 0)) {
      throw invalid(name, 'an integer from 0, or Infinity');
    }
  }
  checkOneOf('ipcScope.kind', all.ipcScope.kind, SCOPES);
  return Object.freeze(all);
}

function invalid(name: string, wanted: string): AgentwireError {
  return new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be ${wanted}`);
}
