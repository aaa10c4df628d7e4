import { delay } from '@agentwire/core/internal';
import { type Check, fail, none, skip } from '../../check.ts';
import type { Greeting, ProxyUnderTest } from '../under-test.ts';

const handshake = 'Handshake and how a dialect is chosen';

/** How connections begin, and begin again. */
export const openingChecks: readonly Check<ProxyUnderTest>[] = [
  {
    id: 'proxy-handshake',
    says: 'every connection opens with a whole handshake',
    section: handshake,
    level: 'must',
    async run(under) {
      await under.works();
      none([...new Set(under.connections.flatMap(({ problems }) => problems))]);
    },
  },
  {
    id: 'proxy-waits',
    says: 'nothing is sent before the handshake is answered, in whatever pieces that comes',
    section: handshake,
    level: 'must',
    async run(under) {
      for (const greeting of ['hold', 'pieces'] as const) {
        await dropAll(under, greeting);
        const works = await under.asks();
        if (under.connections.some(({ early }) => early)) fail('an event came before the answer');
        if (!works)
          fail(
            `requests do not get through after an answer ${greeting === 'hold' ? 'that took its time' : 'in pieces'}`,
          );
      }
    },
  },
  {
    id: 'proxy-heals',
    says: 'when all connections are dropped it connects again',
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
    says: 'a refused handshake is followed by nothing, and the proxy tries again',
    section: handshake,
    level: 'must',
    run: (under) => refused(under, 'refuse'),
  },
  {
    id: 'proxy-version',
    says: 'an answer in another version is followed by nothing, and the proxy tries again',
    section: handshake,
    level: 'must',
    run: (under) => refused(under, 'otherVersion'),
  },
];

/** Drops all connections, and waits for the first new one, with requests that may be what makes a proxy look. */
async function dropAll(under: ProxyUnderTest, greeting: Greeting): Promise<void> {
  const before = under.connections.length;
  const deadline = under.clock.now() + under.patienceMs * 4;
  under.greeting = greeting;
  for (const { channel } of under.open) channel.destroy();
  while (under.connections.length === before) {
    if (under.clock.now() > deadline) skip('it does not connect again once its connections were dropped');
    await under.drive('/again').catch(() => undefined);
    await delay(under.clock, 10);
  }
}

async function refused(under: ProxyUnderTest, greeting: 'refuse' | 'otherVersion'): Promise<void> {
  await under.works();
  const before = under.connections.length;
  await dropAll(under, greeting);
  const until = under.clock.now() + under.patienceMs / 4;
  while (under.clock.now() < until) {
    await under.drive('/refused').catch(() => undefined);
    await delay(under.clock, 20);
  }
  under.calm();
  const works = await under.asks(under.patienceMs * 8);
  const [event] = under.connections.slice(before).flatMap(({ greeted, events }) => (greeted ? [] : events));
  if (event !== undefined) fail(`a ${event.kind} was sent all the same`);
  if (!works) fail('it does not ask again once it is accepted');
}
