import { arrivesIn, testTransport } from '@agentwire/transport-compliance';
import { describe, test } from 'vitest';
import { createInProcessTransport, PairLink, streamPair } from './in-process.ts';

let addresses = 0;

for (const [name, makePair] of [
  ['links with the six required members', PairLink.pair],
  ['byte streams that are no sockets', streamPair],
] as const) {
  testTransport({
    name,
    create: ({ clock }) => createInProcessTransport(clock, makePair),
    address: () => `pair:kit-${(addresses += 1)}`,
    arrivesAs: arrivesIn('documented', 'json'),
    runner: { describe, test },
  });
}
