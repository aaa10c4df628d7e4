/** Wrong use of the command line: exit status 2, with a correct command line. */
export class UsageError extends Error {
  /** Correct command line. */
  readonly example: string;

  constructor(message: string, example: string) {
    super(message);
    this.name = 'UsageError';
    this.example = example;
  }
}
