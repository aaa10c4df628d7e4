import { parseArgs } from 'node:util';

/** Command line of the program. */
export interface Flags {
  /** Only rows whose id contains one of these words. */
  readonly stacks: readonly string[];
  readonly inFlight: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly http: boolean;
  /** Folder of the results. */
  readonly out: string;
  readonly profiles: string | undefined;
}

const USAGE = `pnpm bench [--quick] [--stack WORD]… [--in-flight N]… [--http] [--rounds N] [--seconds S] [--profile FOLDER]
  --quick      one round of one second each
  --stack      only rows whose id contains this word (=WORD: only the row of that id); may be given more than once
  --in-flight  only this many in flight; may be given more than once
  --http       whole HTTP requests through the gateway and other proxies, in place of messages
  --rounds     rounds of the whole list, default 5; figures are medians over them
  --seconds    how long each run is measured, default 5, after a warm-up of 2 at most
  --profile    writes a CPU profile of each Node process there
  --out        where bench.json and index.html go, default bench-results`;

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new TypeError(`${flag} takes a positive number, got ${JSON.stringify(text)}\n${USAGE}`);
}

/** Reads the command line. @throws TypeError that says how it is used */
export function readFlags(words: readonly string[]): Flags {
  const { values } = parseArgs({
    // pnpm hands the -- of `pnpm bench -- --http` on
    args: words[0] === '--' ? words.slice(1) : [...words],
    options: {
      quick: { type: 'boolean', default: false },
      http: { type: 'boolean', default: false },
      stack: { type: 'string', multiple: true, default: [] },
      'in-flight': { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      profile: { type: 'string' },
      out: { type: 'string', default: 'bench-results' },
    },
  });
  const seconds = positive('--seconds', values.seconds ?? (values.quick ? '1' : '5'));
  return {
    stacks: values.stack,
    inFlight: values['in-flight'].map((text) => positive('--in-flight', text)),
    rounds: Math.ceil(positive('--rounds', values.rounds ?? (values.quick ? '1' : '5'))),
    seconds,
    warmupSeconds: Math.min(2, seconds),
    http: values.http,
    out: values.out,
    profiles: values.profile,
  };
}
