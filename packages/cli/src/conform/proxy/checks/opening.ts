import { type Check, fail, none } from '../../check.ts';
import type { ProxyUnderTest } from '../under-test.ts';

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
      under.greeting = 'hold';
      for (const { channel } of under.open) channel.destroy();
      await under.works();
      under.greeting = 'pieces';
      for (const { channel } of under.open) channel.destroy();
      await under.works();
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

async function refused(under: ProxyUnderTest, greeting: 'refuse' | 'otherVersion'): Promise<void> {
  await under.works();
  const before = under.connections.length;
  under.greeting = greeting;
  for (const { channel } of under.open) channel.destroy();
  const tried = (): boolean => under.connections.length > before;
  await under.until('it did not connect again', tried, under.patienceMs * 4);
  await under.drive('/refused').catch(() => undefined);
  const events = under.connections.slice(before).flatMap((connection) => connection.events);
  if (events.length > 0) fail(`a ${events[0]?.kind} was sent all the same`);
  under.calm();
  await under.works(under.patienceMs * 8);
}
