import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import {
  checkObject,
  OPTION,
  type OptionCheck,
  type OptionRows,
  type OptionTable,
  type Resolved,
  resolveOptions,
  safeLogger,
  silentLogger,
} from '@agentwire/core/internal';
import { INBOX_ROWS, type InboxOptions } from '../inbox/inbox-options.ts';
import { checkProcessSpec, type ProcessSpec } from '../process/process-entry.ts';
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
  readonly restart?: RestartPolicy | undefined;
  /** Options of its inbox. Default: those of the router. */
  readonly inbox?: InboxOptions | undefined;
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
  readonly strategy?: 'one-for-one' | 'one-for-all' | undefined;
  /** Restarts within `withinMs` at most; one more and the supervisor gives up. 0 to 1 000 000, default 3. */
  readonly maxRestarts?: number | undefined;
  /** Milliseconds in which restarts are counted, 1 to 86 400 000. Default 5000. */
  readonly withinMs?: number | undefined;
  /** Told once when the supervisor gives up, after every child was ended; what it throws is logged. Default: only logged. */
  readonly onGiveUp?: ((error: AgentwireError) => void) | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
  /** Told about restarts, starts that fail, and giving up. Default: silent. */
  readonly logger?: Logger | undefined;
}

/** {@link SupervisorOptions} with every default filled in. */
export type ResolvedSupervisorOptions = Omit<Resolved<SupervisorOptions>, 'onGiveUp'> &
  Pick<SupervisorOptions, 'onGiveUp'>;

const MAX_CHILDREN = 10_000;

const CHILD_TABLE: OptionTable<ChildSpec> = {
  id: OPTION.text,
  spec: (_name, value) => checkProcessSpec(value as ProcessSpec),
  restart: OPTION.oneOf('permanent', 'transient', 'temporary'),
  inbox: OPTION.nested(INBOX_ROWS),
  start: OPTION.function,
};

const checkChildren: OptionCheck = (name, value) => {
  OPTION.listOf(OPTION.nested(CHILD_TABLE))(name, value);
  const children = value as readonly ChildSpec[];
  if (children.length > MAX_CHILDREN)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a list of at most ${MAX_CHILDREN}`);
  const ids = new Set<string>();
  for (const [at, { id, spec, start }] of children.entries()) {
    const where = `${name}[${at}]`;
    OPTION.text(`${where}.id`, id);
    OPTION.function(`${where}.start`, start);
    checkObject(`${where}.spec`, spec);
    if (ids.has(id))
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `${where}.id is ${JSON.stringify(id)}, which another child has`);
    ids.add(id);
  }
};

const ROWS: OptionRows<SupervisorOptions> = {
  children: { check: checkChildren },
  strategy: { check: OPTION.oneOf('one-for-one', 'one-for-all'), default: 'one-for-one' },
  maxRestarts: { check: OPTION.integer(0, 1_000_000), default: 3 },
  withinMs: { check: OPTION.integer(1, 86_400_000), default: 5000 },
  onGiveUp: { check: OPTION.function },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Checks the options of a supervisor and fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveSupervisorOptions(options: SupervisorOptions): ResolvedSupervisorOptions {
  const resolved = resolveOptions('a supervisor', options, ROWS);
  checkChildren('children', options.children);
  return { ...resolved, children: [...options.children], logger: safeLogger(resolved.logger) };
}
