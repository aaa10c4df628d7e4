import type { AgentwireError } from '@agentwire/core';
import type { Cell } from '../cell/cell.ts';
import { inMs, quantile } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { onlyReverse, register, startProxy, TOKEN, transportOf } from '../reverse/proxy.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const DELAY_MS = 100;
/** Difference of medians that a machine with other work makes, in milliseconds. */
const NOISE_MS = 4;

const VARIANTS: readonly (readonly [name: string, id: string, token: string | null])[] = [
  ['no token', 'a-1', null],
  ['a wrong token', 'a-1', 'wrong'],
  ['a token with the right beginning', 'a-1', `${TOKEN}x`],
  ['the right token but for its end', 'a-1', `${TOKEN.slice(0, -1)}x`],
  ["another id's token", 'a-1', 'the-token-of-b'],
  ['an unknown id', 'c-1', 'wrong'],
  ['an unknown id with a valid token', 'c-1', TOKEN],
  ['an id that is not allowed, with its token', 'b-1', 'the-token-of-b'],
];

/** Another one is the first each time, for the last one waits for those before it. */
function turned(by: number): readonly (readonly [variant: (typeof VARIANTS)[number], n: number])[] {
  const all = VARIANTS.map((variant, n) => [variant, n] as const);
  return [...all.slice(by % all.length), ...all.slice(0, by % all.length)];
}

async function run(cell: Cell): Promise<Verdict> {
  const proxy = await startProxy(cell, {
    tokens: { 'a-*': TOKEN, 'b-*': 'the-token-of-b' },
    allowedAgents: ['a-*'],
    refusalDelayMs: DELAY_MS,
    // half of it is the longest delay
    handshakeTimeoutMs: 10 * DELAY_MS,
  });
  const transport = transportOf(cell.column);
  const times = VARIANTS.map((): number[] => []);
  const answers = new Set<string>();
  const why: string[] = [];
  const attempt = async (n: number, [name, id, token]: (typeof VARIANTS)[number], counts: boolean): Promise<void> => {
    const since = monotonicMs();
    try {
      (await register(transport, proxy.address, id, token)).abort();
      why.push(`${name} was accepted`);
    } catch (error) {
      const { code, message } = error as AgentwireError;
      answers.add(`${code} ${message}`);
      if (counts) times[n]?.push(monotonicMs() - since);
    }
  };
  // the first ones are answered sooner; from then on the delay no longer grows
  const rounds = cell.quick ? 8 : 60;
  for (let at = -1; at < rounds; at++) {
    cell.note(`round ${at + 1} of ${rounds}`);
    await Promise.all(turned(at + 1).map(([variant, n]) => attempt(n, variant, at >= 0)));
  }
  if (answers.size !== 1) why.push(`there are ${answers.size} answers: ${[...answers].join(' | ')}`);
  const medians = times.map((each) => quantile(each, 0.5));
  const spread = Math.max(...medians) - Math.min(...medians);
  // what the medians differ by where one time is drawn for all: four standard errors of the spread in one variant
  const spreads = times.map((each) => quantile(each, 0.75) - quantile(each, 0.25));
  const limit = NOISE_MS + (4 * quantile(spreads, 0.5)) / Math.sqrt(times[0]?.length ?? 1);
  const late = spread > limit ? [`medians differ by ${inMs(spread)}: ${medians.map(inMs).join(', ')}`] : [];
  return verdict(`${VARIANTS.length} variants, medians within ${inMs(spread)}`, why, late);
}

/** Tokens that are wrong in every way there is. */
export const badTokens: Row = {
  id: 'V6',
  fault: 'bad tokens and ids of every kind',
  must: 'one answer, after one time',
  notApplicable: onlyReverse,
  run,
};
