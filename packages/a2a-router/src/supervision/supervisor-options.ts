import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import { checkInteger, checkKnownOptions, checkOneOf, silentLogger } from '@agentwire/core/internal';
import { type InboxOptions, resolveInboxOptions } from '../inbox/inbox-options.ts';
import type { ProcessSpec } from '../process/process-table.ts';
import type { A2AEndpoint } from '../router/endpoint.ts';

/**
 * Policy for a child that exits. `permanent`: it is always started again; `transient`: only after an exit code other than 0;
 * `temporary`: never.
 */
export type RestartPolicy = 'permanent' | 'transient' | 'temporary';

/** One process that a supervisor starts, and starts again. */
export interface ChildSpec {
  /** Name of the child within its supervisor, 1 to 256 bytes. */
  readonly id: string;
  /** Entry of the process in the table; each start makes a new one, because a pid is never used twice. */
  readonly spec: ProcessSpec;
  /** Policy for its exits. Default `permanent`. */
  readonly restart?: RestartPolicy;
  /** Options of its inbox. Default: those of the router. */
  readonly inbox?: InboxOptions;
  /**
   * Begins the work of a process that was just made.
   *
   * An exception, or the rejection of what it returns, ends the process with exit code 1. When the promise resolves, the process
   * goes on until it is moved to `exited`.
   */
  readonly start: (endpoint: A2AEndpoint) => unknown;
}

/** Options of `createSupervisor`. */
export interface SupervisorOptions {
  /** Children, started in this order and ended in the reverse one; 0 to 10 000. */
  readonly children: readonly ChildSpec[];
  /** `one-for-one` starts the child that exited again, `one-for-all` ends and starts all of them. Default `one-for-one`. */
  readonly strategy?: 'one-for-one' | 'one-for-all';
  /** Restarts within `withinMs` at most; one more and the supervisor gives up. 0 to 1 000 000, default 3. */
  readonly maxRestarts?: number;
  /** Milliseconds in which restarts are counted, 1 to 86 400 000. Default 5000. */
  readonly withinMs?: number;
  /** Told once when the supervisor gives up, after every child was ended; what it throws is logged. Default: only logged. */
  readonly onGiveUp?: (error: AgentwireError) => void;
  /** Time. Default: the system clock. */
  readonly clock?: Clock;
  /** Told about restarts, starts that fail, and giving up. Default: silent. */
  readonly logger?: Logger;
}

/** {@link SupervisorOptions} with everything filled in. */
export type ResolvedSupervisorOptions = Required<Omit<SupervisorOptions, 'onGiveUp'>> &
  Pick<SupervisorOptions, 'onGiveUp'>;

const KNOWN: readonly string[] = 'children strategy maxRestarts withinMs onGiveUp clock logger'.split(' ');
const KNOWN_OF_CHILD: readonly string[] = ['id', 'spec', 'restart', 'inbox', 'start'];
const MAX_CHILDREN = 10_000;

/** Completes the options of a supervisor; throws `ERR_INVALID_ARGUMENT` for what it does not know. */
export function resolveSupervisorOptions(options: SupervisorOptions): ResolvedSupervisorOptions {
  checkKnownOptions('a supervisor', options, KNOWN);
  const all = {
    strategy: 'one-for-one' as const,
    maxRestarts: 3,
    withinMs: 5000,
    clock: systemClock,
    logger: silentLogger,
    ...options,
  };
  checkOneOf('strategy', all.strategy, ['one-for-one', 'one-for-all']);
  checkInteger('maxRestarts', all.maxRestarts, 0, 1_000_000);
  checkInteger('withinMs', all.withinMs, 1, 86_400_000);
  if (!Array.isArray(all.children) || all.children.length > MAX_CHILDREN)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `children must be a list of at most ${MAX_CHILDREN}`);
  if (all.onGiveUp !== undefined && typeof all.onGiveUp !== 'function')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'onGiveUp must be a function');
  const ids = new Set<string>();
  for (const child of all.children) {
    checkKnownOptions('a child', child, KNOWN_OF_CHILD);
    if (typeof child.id !== 'string' || child.id === '' || ids.has(child.id))
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `each child needs an id of its own, got ${JSON.stringify(child.id)}`,
      );
    ids.add(child.id);
    if (child.restart !== undefined) checkOneOf('restart', child.restart, ['permanent', 'transient', 'temporary']);
    if (typeof child.start !== 'function')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `child ${JSON.stringify(child.id)} needs a start function`);
    resolveInboxOptions(child.inbox);
  }
  return { ...all, children: [...all.children] };
}
