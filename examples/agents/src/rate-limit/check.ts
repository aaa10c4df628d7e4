import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Lab } from '../lab.ts';

interface Answer {
  readonly status: number;
  readonly remaining: string | undefined;
  readonly retryAfter: string | undefined;
}

/** Sends a request from one of the addresses of loopback. */
async function send(url: string, localAddress: string): Promise<Answer> {
  const [response] = (await once(request(url, { localAddress, agent: false }).end(), 'response')) as [IncomingMessage];
  await once(response.resume(), 'end');
  const { 'ratelimit-remaining': remaining, 'retry-after': retryAfter } = response.headers;
  return { status: response.statusCode ?? 0, remaining: remaining?.toString(), retryAfter };
}

/** A client gets its burst and no more; others have buckets of their own; the number of buckets is bounded. */
export async function check(lab: Lab): Promise<void> {
  let arrived = 0;
  // a token in 1 000 s: none comes back during the check
  await lab.agent('rate-limit', { RATE_BURST: '5', RATE_PER_SECOND: '0.001', RATE_MAX_KEYS: '3' });
  const url = await lab.gateway((_request, response) => response.end(`${++arrived}`), ['rate-limit']);

  const answers: Answer[] = [];
  for (let sent = 0; sent < 8; sent++) answers.push(await send(url, '127.0.0.1'));
  lab.say(`one client: ${answers.map(({ status }) => status).join(' ')}`);
  lab.check('5 of 8 requests pass', answers.map(({ status }) => status).join() === '200,200,200,200,200,429,429,429');
  lab.check('the upstream saw 5', arrived === 5);
  lab.check('each answer tells what is left', answers.map(({ remaining }) => remaining ?? '-').join('') === '43210---');
  lab.check('a refusal tells when to come back', Number(answers.at(-1)?.retryAfter) > 900);

  if (process.platform !== 'linux') return lab.say('only Linux has all of 127.0.0.0/8: the rest is left out');
  const other = await send(url, '127.0.0.2');
  lab.check('another client has its own bucket', other.status === 200 && other.remaining === '4');
  for (const last of [3, 4]) await send(url, `127.0.0.${last}`);
  lab.check('the fourth key evicted the least recently used one', (await send(url, '127.0.0.1')).remaining === '4');
  lab.check('the others kept theirs', (await send(url, '127.0.0.4')).remaining === '3');
}
