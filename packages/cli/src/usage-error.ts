/** Wrong use of the command line: exit status 2, with the line that would be right. */
export class UsageError extends Error {
  /** A command line that would be right. */
  readonly example: string;

  constructor(message: string, example: string) {
    super(message);
    this.name = 'UsageError';
    this.example = example;
  }
}
