import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import { checkShortText } from '../message/message-limits.ts';
import type { AgentCapabilities } from './capabilities.ts';
import { KERNEL_PID, type Pid } from './pid.ts';
import type { ProcessState } from './process-state.ts';

/** Name, parent and capabilities of a new process. */
export interface ProcessSpec {
  /** Name for people and for the gate, 1 to 256 bytes. */
  readonly agentId: string;
  /** Pid of the process that starts it. Default: the kernel, 0. */
  readonly parent?: Pid | undefined;
  /** Its capabilities; missing ones are filled with the defaults. */
  readonly capabilities?: Partial<AgentCapabilities> | undefined;
  /** Its first state. Default `running`. */
  readonly state?: 'starting' | 'running' | undefined;
}

/** One process as the table knows it; a live view, changed only by the table. */
export interface ProcessEntry {
  /** Its pid. */
  readonly pid: Pid;
  /** Name for people and for the gate. */
  readonly agentId: string;
  /** Pid of the process that started it. */
  readonly parent: Pid;
  /** Its state. */
  readonly state: ProcessState;
  /** Exit code; undefined until it is `exited`. */
  readonly exitCode: number | undefined;
  /** Its capabilities. */
  readonly capabilities: AgentCapabilities;
  /** Messages it has sent. */
  readonly messagesSent: number;
  /** Tool calls it has sent. */
  readonly toolCallsSent: number;
}

/** @internal The entry as the table and the router change it. */
export interface MutableProcess extends ProcessEntry {
  state: ProcessState;
  exitCode: number | undefined;
  capabilities: AgentCapabilities;
  messagesSent: number;
  toolCallsSent: number;
}

const SPEC_TABLE: OptionTable<ProcessSpec> = {
  agentId: (_name, value) => void checkShortText('agentId', value),
  parent: OPTION.integer(0, Number.MAX_SAFE_INTEGER),
  capabilities: OPTION.object,
  state: OPTION.oneOf('starting', 'running'),
};

/** Throws `ERR_INVALID_ARGUMENT` for what is no {@link ProcessSpec}; its capabilities are checked where they are completed. */
export function checkProcessSpec(spec: ProcessSpec): void {
  checkOptions('a process', spec, SPEC_TABLE);
  checkShortText('agentId', spec.agentId);
}

/** Makes the entry of a process that was not there before. */
export function entryOf(pid: Pid, spec: ProcessSpec, capabilities: AgentCapabilities): MutableProcess {
  return {
    pid,
    agentId: spec.agentId,
    parent: spec.parent ?? KERNEL_PID,
    state: spec.state ?? 'running',
    exitCode: undefined,
    capabilities,
    messagesSent: 0,
    toolCallsSent: 0,
  };
}
