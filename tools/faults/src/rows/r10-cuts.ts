import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../cell/asked.ts';
import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import { grouped } from '../figures.ts';
import type { RelayOptions } from '../relay/relay.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const URIS = ['/?n=1', '/long?n=2', '/?n=3'];
const TIMEOUT_MS = 3_000;
/** Allowed outcomes of a cut message. */
const TRUNCATED = new Set(['ERR_CLOSED', 'ERR_CONNECT', 'ERR_PROTOCOL']);

interface Talk {
  readonly outcomes: readonly Outcome[];
  /** Bytes that passed in both directions. */
  readonly toAgent: number;
  readonly toProxy: number;
}

async function talk(cell: Cell, endpoint: string, options: RelayOptions): Promise<Talk> {
  const relay = await cell.relay(endpoint, options);
  let outcomes: readonly Outcome[];
  try {
    const tracked = await cell.session(relay.endpoint, { handshakeTimeoutMs: TIMEOUT_MS, keepalive: false });
    outcomes = await Promise.all(URIS.map((uri) => tracked.ask(headers(uri), { timeoutMs: TIMEOUT_MS })));
    // what is sent of its own accord after the answers counts too
    if (options.cutAfter === undefined && options.pieces === undefined) await sleep(20);
  } catch (error) {
    outcomes = [{ error: error as NonNullable<Outcome['error']>, at: 0 }];
  }
  const { toAgent = 0, toProxy = 0 } = relay.last?.passed ?? {};
  await relay.close();
  return { outcomes, toAgent, toProxy };
}

const sameAs =
  (want: readonly Outcome[]) =>
  (outcome: Outcome, at: number): boolean =>
    JSON.stringify(outcome.decision) === JSON.stringify(want[at]?.decision);

async function run(cell: Cell): Promise<Verdict> {
  const { endpoint } = await cell.agent();
  const whole = await talk(cell, endpoint, {});
  const why = new Set<string>();
  if (whole.outcomes.some(({ error }) => error !== undefined)) why.add('the talk failed without a cut');
  const same = sameAs(whole.outcomes);
  let cuts = 0;
  for (const direction of ['toAgent', 'toProxy'] as const) {
    cell.progress(`cuts ${direction}: ${whole[direction]} bytes`);
    const step = cell.quick ? 17 : 1;
    for (let bytes = 1; bytes < whole[direction]; bytes += step) {
      cell.note(`${direction}, byte ${bytes} of ${whole[direction]}`);
      const { outcomes } = await talk(cell, endpoint, { cutAfter: { direction, bytes } });
      cuts += 1;
      for (const [at, outcome] of outcomes.entries()) {
        const { decision, error } = outcome;
        if (decision !== undefined && !same(outcome, at)) why.add(`${direction} cut after ${bytes}: another decision`);
        if (error !== undefined && !TRUNCATED.has(error.code))
          why.add(`${direction} cut after ${bytes} of ${whole[direction]}: ${error.code} ${error.message}`);
      }
    }
  }
  const longest = Math.max(whole.toAgent, whole.toProxy);
  let sizes = 0;
  for (let pieces = 1; pieces <= longest; pieces += cell.quick ? 1 + pieces : 1) {
    cell.note(`pieces of ${pieces} of ${longest}`);
    const { outcomes } = await talk(cell, endpoint, { pieces });
    sizes += 1;
    if (outcomes.length !== URIS.length || !outcomes.every(same))
      why.add(`in pieces of ${pieces}: ${outcomes.map(({ error }) => error?.code ?? 'a decision').join(', ')}`);
  }
  return verdict(`${grouped(cuts)} cuts, ${grouped(sizes)} piece sizes`, [...why].slice(0, 20));
}

/** Streams end anywhere and come in any pieces. */
export const cuts: Row = {
  id: 'R10',
  fault: 'streams cut at every byte, re-chunked 1…n',
  must: 'same messages or a truncation error, never a wrong message',
  // over TLS there are some thousand handshakes
  patience: 4,
  run,
};
