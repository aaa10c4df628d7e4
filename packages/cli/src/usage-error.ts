/** Wrong use of the command line: exit status 2, with a correct command line. */
export class UsageError extends Error {
  /** Correct command line; `undefined` where the command line is not at fault. */
  readonly example: string | undefined;

  /** All that is wrong, where the message is the first of it. */
  readonly problems: readonly string[];

  constructor(message: string, example?: string, problems: readonly string[] = [message]) {
    super(message);
    this.problems = problems;
    this.name = 'UsageError';
    this.example = example;
  }
}
