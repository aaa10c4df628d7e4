/** The job of the team: how many primes are there below this number? */
const LIMIT = 10_000;

/** The right answer, to check the team against. */
export const RIGHT_ANSWER = 1229;

/** One piece of the job. */
export interface Piece {
  readonly from: number;
  readonly to: number;
}

/** Finding of a worker in a piece. */
export interface Finding extends Piece {
  readonly count: number;
  readonly worker: string;
}

/** Splits the job into pieces. */
export function pieces(size = 500): Piece[] {
  const all: Piece[] = [];
  for (let from = 0; from < LIMIT; from += size) all.push({ from, to: Math.min(from + size, LIMIT) });
  return all;
}

/** Counts the primes of one piece. */
export function countPrimes({ from, to }: Piece): number {
  let count = 0;
  for (let n = Math.max(2, from); n < to; n += 1) {
    let prime = true;
    for (let by = 2; by * by <= n && prime; by += 1) prime = n % by !== 0;
    if (prime) count += 1;
  }
  return count;
}
