import type { Kit, Pair } from '../kit/kit.ts';
import { Side } from '../kit/side.ts';

/** One connection to break, and another one of the same transport that must not notice. */
export async function twoConnections(kit: Kit): Promise<{ broken: Pair; alive: Pick<Pair, 'proxy' | 'agent'> }> {
  const broken = await kit.pair();
  const [proxy, agent] = [new Side(), new Side()];
  const listener = await kit.listen({ onConnection: (connection) => agent.take(connection) });
  await kit.connect(listener.address, proxy);
  await kit.until('the accepting side', () => agent.connected);
  return { broken, alive: { proxy, agent } };
}
