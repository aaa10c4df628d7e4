import { fail } from '../check.ts';
import type { ProxyConnection, ProxyUnderTest } from './under-test.ts';

/** Pending head. */
interface Waiting {
  readonly n: number;
  readonly id: string;
  readonly connection: ProxyConnection;
}

/** Concurrent requests, enough that two of them share a connection with most proxies. */
const LIVE = 6;

/**
 * Sends an unreadable answer to one of several pending requests, then allows the others on the same connections.
 *
 * @throws CheckFailure when the request is allowed, when another one fails, or when no request gets through afterwards
 */
export async function brokenAnswer(under: ProxyUnderTest): Promise<void> {
  const waiting: Waiting[] = [];
  under.policy = ({ kind, id, uri }, connection) => {
    if (kind !== 'head') return {};
    waiting.push({ n: Number(/\/broken-(\d)$/.exec(uri)?.[1]), id, connection });
    return undefined;
  };
  const driven = Promise.allSettled(Array.from({ length: LIVE }, (_, n) => under.drive(`/broken-${n}`)));
  const send = ({ id, connection }: Waiting): void => connection.channel.send(under.wire.answer(id, {}));
  await under
    .until('six heads did not come', () => waiting.length === LIVE)
    .catch((error: unknown) => {
      waiting.forEach(send);
      throw error;
    });
  const shares = (one: Waiting): boolean =>
    waiting.some((other) => other !== one && other.connection === one.connection);
  const broken = waiting.find(shares) ?? waiting[0];
  if (broken === undefined) fail('no head came');
  broken.connection.channel.send(under.wire.brokenAnswer(broken.id));
  for (const one of waiting) if (one !== broken) send(one);
  const statuses = (await driven).map((one) => (one.status === 'fulfilled' ? one.value.status : 0));
  under.reset();
  const [status = 0] = statuses.splice(broken.n, 1);
  if (status === 0) fail('its client got no answer');
  if (status < 400) fail(`it was taken for an allow: the client got ${status}`);
  const hurt = statuses.filter((other) => other === 0 || other >= 500);
  if (hurt.length > 0) fail('other requests failed with it');
  await under.works();
}
