import { request as httpRequest } from 'node:http';
import { bodyOf, type Random, SIZES, turns } from './ending-server.ts';
import { type Ending, ENDINGS } from './upstream-endings.ts';

/** Behaviour of the client of a round. */
export const CLIENTS = ['fast', 'slow', 'gone'] as const;
export type ClientKind = (typeof CLIENTS)[number];

/** Response as a client saw it. */
interface Seen {
  /** 0 where no head came. */
  readonly status: number;
  readonly body: Buffer;
  readonly complete: boolean;
}

function ask(url: string, method: string, kind: ClientKind, random: Random): Promise<Seen> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let status = 0;
    let complete = false;
    const request = httpRequest(url, { method, agent: false });
    request.on('error', () => undefined);
    const over = (): void => resolve({ status, body: Buffer.concat(parts), complete });
    // a paused response has more to give when its request is closed
    request.on('close', () => status === 0 && over());
    request.on('response', (response) => {
      response.on('close', over);
      status = response.statusCode ?? 0;
      response.on('error', () => undefined).on('end', () => (complete = response.complete));
      response.on('data', (part: Buffer) => {
        parts.push(part);
        if (kind !== 'slow') return;
        response.pause();
        void turns(random(20)).then(() => response.resume());
      });
    });
    if (kind === 'gone') void turns(random(30)).then(() => request.destroy());
    if (method === 'POST') request.write('some of it');
    request.end();
  });
}

function isRight({ sees, status = 200 }: Ending, seen: Seen, sent: Buffer): boolean {
  const body = sees === 'empty' ? Buffer.alloc(0) : sent;
  const begun = seen.status === status && body.subarray(0, seen.body.length).equals(seen.body);
  const whole = seen.complete && begun && seen.body.length === body.length;
  const failed = seen.status === 502 || (begun && !seen.complete);
  return sees === 'any' ? whole || failed : sees === 'failure' ? failed : whole;
}

/**
 * Plays one ending for one client.
 *
 * @returns what is wrong with what the client saw, or nothing
 */
export async function playEnding(
  url: string,
  number: number,
  kind: ClientKind,
  random: Random,
): Promise<string | undefined> {
  const ending = ENDINGS[number] as Ending;
  const size = SIZES[random(SIZES.length)] as number;
  const seed = random(1_000_000);
  const seen = await ask(`${url}/${number}/${size}/${seed}`, ending.method ?? 'GET', kind, random);
  if (kind === 'gone' || isRight(ending, seen, bodyOf(size))) return undefined;
  const saw = `${seen.status}, ${seen.body.length} bytes, ${seen.complete ? 'complete' : 'cut'}`;
  return `${ending.name} (${size} bytes, seed ${seed}), client ${kind}: saw ${saw}`;
}
