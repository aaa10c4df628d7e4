import type { RequestSummary } from '@agentwire/gateway';
import { Agent, request } from 'undici';
import { DEMO_KINDS, type DemoKind, type DemoResponse } from './kinds.ts';
import type { UpstreamServer } from './upstream-server.ts';

/** Request of the load, and its result. */
export interface DemoResult {
  readonly kind: DemoKind;
  readonly summary: RequestSummary | undefined;
  readonly expected: boolean;
  /** Deviation from the expected result; absent when there is none. */
  readonly problem?: string;
}

const CLIENTS = 16;

/** Spreads kinds over `count` requests by their shares, mixed, and each at least once. */
function planLoad(count: number): DemoKind[] {
  const plan: DemoKind[] = [];
  const shares = DEMO_KINDS.map(() => 0);
  while (plan.length < count) {
    for (const [at, { share }] of DEMO_KINDS.entries()) shares[at] = (shares[at] ?? 0) + share;
    const most = shares.indexOf(Math.max(...shares));
    const kind = DEMO_KINDS[most];
    if (kind === undefined) break;
    shares[most] = (shares[most] ?? 0) - 100;
    plan.push(kind);
  }
  return plan;
}

/** Matches the gateway's summaries with the sent requests, by uri. */
export class Summaries {
  readonly #waiting = new Map<string, (summary: RequestSummary) => void>();
  readonly #early = new Map<string, RequestSummary>();

  note(summary: RequestSummary): void {
    const waiter = this.#waiting.get(summary.uri);
    this.#waiting.delete(summary.uri);
    if (waiter === undefined) this.#early.set(summary.uri, summary);
    else waiter(summary);
  }

  of(uri: string): Promise<RequestSummary> {
    const early = this.#early.get(uri);
    this.#early.delete(uri);
    return early === undefined ? new Promise((resolve) => this.#waiting.set(uri, resolve)) : Promise.resolve(early);
  }
}

function problemOf(
  kind: DemoKind,
  summary: RequestSummary,
  response: DemoResponse | undefined,
  checked: boolean,
): string | undefined {
  if (summary.outcome !== kind.outcome) return `outcome ${summary.outcome}, expected ${kind.outcome}`;
  if (summary.agent !== kind.agent)
    return `decided by ${summary.agent ?? 'no agent'}, expected ${kind.agent ?? 'no agent'}`;
  if (response !== undefined && response.status !== kind.status)
    return `status ${response.status}, expected ${kind.status}`;
  return checked ? undefined : 'the answer does not hold what it should';
}

/** Sends `count` requests through the gateway at `url`, 16 at a time. @param onResult called with each as it ends */
export async function runLoad(
  url: string,
  count: number,
  upstream: UpstreamServer,
  summaries: Summaries,
  onResult: (result: DemoResult) => void,
): Promise<void> {
  const plan = planLoad(count);
  const dispatcher = new Agent({ connections: CLIENTS });
  const send = async (kind: DemoKind, n: number): Promise<DemoResult> => {
    const wanted = kind.make(n);
    const { method, headers, body } = wanted;
    // the number makes the uri unique, so that the gateway's summary can be found again
    const path = `${wanted.path}${wanted.path.includes('?') ? '&' : '?'}demo=${n}`;
    const leaving = new AbortController();
    const arrived = wanted.leave ? upstream.arrived(path).then(() => leaving.abort()) : undefined;
    let response: DemoResponse | undefined;
    try {
      const answer = await request(url + path, {
        method,
        headers,
        body: body ?? null,
        dispatcher,
        signal: leaving.signal,
      });
      response = { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() };
    } catch (error) {
      if (!wanted.leave) return { kind, summary: undefined, expected: false, problem: (error as Error).message };
    }
    await arrived;
    const summary = await summaries.of(path);
    const checked = response === undefined || kind.check === undefined || kind.check(response, wanted);
    const problem = problemOf(kind, summary, response, checked);
    return { kind, summary, expected: problem === undefined, ...(problem !== undefined && { problem }) };
  };
  let next = 0;
  const client = async (): Promise<void> => {
    for (let n = next++; n < plan.length; n = next++) {
      const kind = plan[n];
      if (kind !== undefined) onResult(await send(kind, n));
    }
  };
  await Promise.all(Array.from({ length: Math.min(CLIENTS, count) }, client));
  await dispatcher.destroy();
}
