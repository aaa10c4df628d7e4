import { delay } from '@agentwire/core/internal';
import { type Check, fail, failOn, skip } from '../../check.ts';
import type { HandshakeMode, ProxyUnderTest } from '../under-test.ts';

const handshake = 'Handshake and how a dialect is chosen';

/** Checks of handshakes and reconnects. */
export const openingChecks: readonly Check<ProxyUnderTest>[] = [
  {
    id: 'proxy-handshake',
    title: 'every connection opens with a complete handshake',
    section: handshake,
    level: 'must',
    async run(under) {
      await under.works();
      failOn([...new Set(under.connections.flatMap(({ problems }) => problems))]);
    },
  },
  {
    id: 'proxy-waits',
    title: 'nothing is sent before the handshake is answered, also when the answer is fragmented',
    section: handshake,
    level: 'must',
    async run(under) {
      for (const handshakeMode of ['hold', 'pieces'] as const) {
        await dropAll(under, handshakeMode);
        const works = await under.asks();
        if (under.connections.some(({ early }) => early)) fail('an event came before the answer');
        if (!works)
          fail(
            `requests do not get through after an answer ${handshakeMode === 'hold' ? 'that took its time' : 'in pieces'}`,
          );
      }
    },
  },
  {
    id: 'proxy-heals',
    title: 'after all connections are dropped it reconnects',
    section: handshake,
    level: 'must',
    async run(under) {
      await under.works();
      for (const { channel } of under.open) channel.destroy();
      await under.works();
    },
  },
  {
    id: 'proxy-refused',
    title: 'a refused handshake is followed by nothing, and the proxy tries again',
    section: handshake,
    level: 'must',
    run: (under) => refused(under, 'refuse'),
  },
  {
    id: 'proxy-version',
    title: 'an answer in another version is followed by nothing, and the proxy tries again',
    section: handshake,
    level: 'must',
    run: (under) => refused(under, 'otherVersion'),
  },
];

/** Drops all connections and waits for the first new one, sending requests that may trigger the reconnect. */
async function dropAll(under: ProxyUnderTest, handshakeMode: HandshakeMode): Promise<void> {
  const before = under.connections.length;
  const deadline = under.clock.now() + under.timeoutMs * 4;
  under.handshakeMode = handshakeMode;
  for (const { channel } of under.open) channel.destroy();
  while (under.connections.length === before) {
    if (under.clock.now() > deadline) skip('it does not connect again once its connections were dropped');
    await under.drive('/again').catch(() => undefined);
    await delay(under.clock, 10);
  }
}

async function refused(under: ProxyUnderTest, handshakeMode: 'refuse' | 'otherVersion'): Promise<void> {
  await under.works();
  const before = under.connections.length;
  await dropAll(under, handshakeMode);
  const until = under.clock.now() + under.timeoutMs / 4;
  while (under.clock.now() < until) {
    await under.drive('/refused').catch(() => undefined);
    await delay(under.clock, 20);
  }
  under.reset();
  const works = await under.asks(under.timeoutMs * 8);
  const [event] = under.connections.slice(before).flatMap(({ accepted, events }) => (accepted ? [] : events));
  if (event !== undefined) fail(`a ${event.kind} was sent all the same`);
  if (!works) fail('it does not ask again once it is accepted');
}
