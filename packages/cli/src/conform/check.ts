import type { Form } from './wire/wire.ts';

/** One thing that the other side is put through. */
export interface Check<Subject> {
  /** Stable name, for tables and scripts. */
  readonly id: string;
  /** What holds when it passes, as a sentence. */
  readonly says: string;
  /** Heading in `docs/wire.md` that says so. */
  readonly section: string;
  /** `must`: a failure means that the two sides may misunderstand each other. `should`: that one waits or learns less. */
  readonly level: 'must' | 'should';
  /** Ways of speaking that it is for; default all. */
  readonly forms?: readonly Form[];
  /** Needs the behaviour of `agentwire agent reference`, as an agent's decisions are its own business otherwise. */
  readonly needs?: 'reference';
  /** Resolves when it holds. @throws CheckFailure */
  run(this: void, subject: Subject): Promise<void>;
}

/** What a check found. */
export class CheckFailure extends Error {
  constructor(what: string) {
    super(what);
    this.name = 'CheckFailure';
  }
}

/** Why a check cannot say anything about this peer. */
export class CheckSkipped extends Error {
  constructor(why: string) {
    super(why);
    this.name = 'CheckSkipped';
  }
}

/** Throws {@link CheckSkipped}. */
export function skip(why: string): never {
  throw new CheckSkipped(why);
}

/** Throws {@link CheckFailure}. */
export function fail(what: string): never {
  throw new CheckFailure(what);
}

/** Throws {@link CheckFailure} with all of `problems`, if there are any. */
export function none(problems: readonly string[]): void {
  if (problems.length > 0) fail(problems.join('; '));
}

/** How a check ended. */
export interface CheckResult {
  readonly id: string;
  readonly form: Form;
  readonly says: string;
  readonly section: string;
  readonly level: 'must' | 'should';
  readonly outcome: 'pass' | 'fail' | 'skip';
  /** Why it failed or was skipped. */
  readonly why?: string;
}
