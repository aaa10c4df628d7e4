/** Wrong use of the command line: exit status 2, with a correct command line. */
export class UsageError extends Error {
  /** Correct command line; `undefined` where the command line is not at fault. */
  readonly example: string | undefined;

  constructor(message: string, example?: string) {
    super(message);
    this.name = 'UsageError';
    this.example = example;
  }
}
