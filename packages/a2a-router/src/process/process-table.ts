import { AgentwireError, type Logger } from '@agentwire/core';
import {
  checkFunction,
  checkInteger,
  checkOneOf,
  checkOptions,
  OPTION,
  type OptionTable,
  safeLogger,
  silentLogger,
} from '@agentwire/core/internal';
import { type AgentCapabilities, resolveCapabilities } from './capabilities.ts';
import { KERNEL_PID, type Pid, processNotFound } from './pid.ts';
import {
  checkProcessSpec,
  entryOf,
  type MutableProcess,
  type ProcessEntry,
  type ProcessSpec,
} from './process-entry.ts';
import { canMove, PROCESS_STATES, type ProcessState } from './process-state.ts';
import { UnusedPids } from './unused-pids.ts';

/** Options of a {@link ProcessTable}. */
export interface ProcessTableOptions {
  /** Live processes it holds at most, 1 to 1 000 000; as many exited ones are remembered. Default 64. */
  readonly capacity?: number | undefined;
  /** Told about exit listeners that throw. Default: silent. */
  readonly logger?: Logger | undefined;
}

const TABLE: OptionTable<ProcessTableOptions> = {
  capacity: OPTION.integer(1, 1_000_000),
  logger: OPTION.logger,
};

const UNLIMITED: AgentCapabilities = resolveCapabilities({
  canNetwork: true,
  maxMemoryBytes: Infinity,
  maxCpuTimeMs: Infinity,
});

/** Table of processes with their states and capabilities; pids are never used twice. */
export class ProcessTable {
  /** Live processes it holds at most. */
  readonly capacity: number;
  readonly #entries = new Map<Pid, MutableProcess>();
  readonly #exited = new Set<Pid>();
  readonly #listeners = new Set<(entry: ProcessEntry) => void>();
  readonly #unused = new UnusedPids();
  readonly #logger: Logger;

  constructor(options: ProcessTableOptions = {}) {
    const { capacity = 64, logger } = checkOptions('ProcessTable', options, TABLE);
    this.capacity = capacity;
    this.#logger = safeLogger(logger ?? silentLogger);
    this.#entries.set(KERNEL_PID, entryOf(KERNEL_PID, { agentId: 'kernel' }, UNLIMITED));
  }

  /** Adds a process under the next free pid; throws `ERR_OVERLOADED` when the table is full. */
  insert(spec: ProcessSpec): Pid {
    checkProcessSpec(spec);
    this.#checkRoom();
    const capabilities = resolveCapabilities(spec.capabilities);
    return this.#add(this.#unused.take(), spec, capabilities).pid;
  }

  /** Adds a process under a pid of the caller's choice; throws `ERR_INVALID_ARGUMENT` if it was ever used before. */
  insertWithPid(pid: Pid, spec: ProcessSpec): ProcessEntry {
    checkProcessSpec(spec);
    this.#checkRoom();
    checkInteger('pid', pid, 1, Number.MAX_SAFE_INTEGER);
    if (!this.#unused.has(pid)) {
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `pid ${pid} is taken: a pid is never used twice`, {
        detail: { pid },
      });
    }
    const capabilities = resolveCapabilities(spec.capabilities);
    this.#unused.use(pid);
    return this.#add(pid, spec, capabilities);
  }

  /** The process with that pid, exited ones included, or undefined. */
  get(pid: Pid): ProcessEntry | undefined {
    return this.#entries.get(pid);
  }

  /** @internal The same, for the router that counts what is sent. */
  find(pid: Pid): MutableProcess | undefined {
    return this.#entries.get(pid);
  }

  /** Every process but the kernel, exited ones that are still remembered included. */
  list(): ProcessEntry[] {
    return [...this.#entries.values()].filter((entry) => entry.pid !== KERNEL_PID);
  }

  /** Live processes, the kernel not counted. */
  get size(): number {
    return this.#entries.size - this.#exited.size - 1;
  }

  /**
   * Moves a process to another state; `exitCode` goes with `exited`, 0 by default.
   *
   * Throws `ERR_PROCESS_NOT_FOUND`, or `ERR_INVALID_STATE_TRANSITION` when that move is not legal.
   */
  updateState(pid: Pid, state: ProcessState, exitCode = 0): void {
    const entry = this.#mine(pid);
    checkOneOf('state', state, PROCESS_STATES);
    checkInteger('exitCode', exitCode, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    if (!canMove(entry.state, state)) {
      throw new AgentwireError(
        'ERR_INVALID_STATE_TRANSITION',
        `process ${pid} cannot go from ${entry.state} to ${state}`,
      );
    }
    entry.state = state;
    if (state !== 'exited') return;
    entry.exitCode = exitCode;
    this.#exited.add(pid);
    if (this.#exited.size > this.capacity) {
      const [oldest] = this.#exited;
      if (oldest !== undefined) this.#forget(oldest);
    }
    this.#tell(entry);
  }

  /** Takes a process out of the table; one that still lives exits with code 0 first. Unknown pids give false. */
  remove(pid: Pid): boolean {
    const entry = this.#entries.get(pid);
    if (entry === undefined || pid === KERNEL_PID) return false;
    if (entry.state !== 'exited') this.updateState(pid, 'exited');
    this.#forget(pid);
    return true;
  }

  /** Replaces what a process may do; what is missing is filled from `CAPABILITY_DEFAULTS`. */
  setCapabilities(pid: Pid, capabilities: Partial<AgentCapabilities>): void {
    this.#mine(pid).capabilities = resolveCapabilities(capabilities);
  }

  /** Number of processes in each state, the kernel not counted. */
  countByState(): Record<ProcessState, number> {
    const counts = Object.fromEntries(PROCESS_STATES.map((state) => [state, 0])) as Record<ProcessState, number>;
    for (const entry of this.list()) counts[entry.state] += 1;
    return counts;
  }

  /** Calls `listener` when a process exits; gives back the function that stops it. One that throws is logged. */
  onExit(listener: (entry: ProcessEntry) => void): () => void {
    checkFunction('listener', listener);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One listener that throws must not keep the others, or the process that ended, from what is due. */
  #tell(entry: ProcessEntry): void {
    for (const listener of this.#listeners) {
      try {
        listener(entry);
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        this.#logger.error({ pid: entry.pid, error: text }, 'an exit listener failed');
      }
    }
  }

  #checkRoom(): void {
    if (this.size < this.capacity) return;
    throw new AgentwireError('ERR_OVERLOADED', `the process table holds ${this.capacity} live processes already`, {
      detail: { capacity: this.capacity },
    });
  }

  #add(pid: Pid, spec: ProcessSpec, capabilities: AgentCapabilities): MutableProcess {
    const entry = entryOf(pid, spec, capabilities);
    this.#entries.set(pid, entry);
    return entry;
  }

  #mine(pid: Pid): MutableProcess {
    const entry = pid === KERNEL_PID ? undefined : this.#entries.get(pid);
    if (entry === undefined) throw processNotFound(pid);
    return entry;
  }

  #forget(pid: Pid): void {
    this.#entries.delete(pid);
    this.#exited.delete(pid);
  }
}
