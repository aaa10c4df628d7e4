import type { ProtocolForm } from './wire/wire.ts';

/** One black-box check of an agent or a proxy. */
export interface Check<Subject> {
  /** Stable name, for tables and scripts. */
  readonly id: string;
  /** Requirement that holds when the check passes, as a sentence. */
  readonly title: string;
  /** Heading in `docs/wire.md` with the requirement. */
  readonly section: string;
  /** `must`: after a failure the two sides may misunderstand each other. `should`: after a failure one side waits longer or learns less. */
  readonly level: 'must' | 'should';
  /** Protocol forms that the check applies to; default all. */
  readonly forms?: readonly ProtocolForm[];
  /** Runs only on agents that decide as `agentwire agent reference` does. */
  readonly needs?: 'reference';
  /** Resolves when the requirement holds. @throws CheckFailure, CheckSkipped */
  run(this: void, subject: Subject): Promise<void>;
}

/** Violation that a check found. */
export class CheckFailure extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'CheckFailure';
  }
}

/** Reason reason a check does not apply to this peer. */
export class CheckSkipped extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'CheckSkipped';
  }
}

/** Throws {@link CheckSkipped}. */
export function skip(reason: string): never {
  throw new CheckSkipped(reason);
}

/** Throws {@link CheckFailure}. */
export function fail(what: string): never {
  throw new CheckFailure(what);
}

/** Throws {@link CheckFailure} with all of `problems`, if there are any. */
export function failOn(problems: readonly string[]): void {
  if (problems.length > 0) fail(problems.join('; '));
}

/** Result of one check. */
export interface CheckResult {
  readonly id: string;
  readonly form: ProtocolForm;
  readonly title: string;
  readonly section: string;
  readonly level: 'must' | 'should';
  readonly outcome: 'pass' | 'fail' | 'skip';
  /** Violation, or the reason why the check was skipped; absent when it passed. */
  readonly reason?: string;
}
