// Started by crash.test.ts: appends until it is killed and tells each sequence once it is acknowledged.
import { createChain } from '@agentwire/a2a-router';

const chain = createChain({ key: new Uint8Array(32).fill(9), path: process.argv[2] ?? '', fsync: 'always' });
for (;;) {
  const group = Array.from({ length: 5 }, (_, n) => chain.append('crash', 'event', { n, text: 'x'.repeat(200) }));
  for (const entry of await Promise.all(group)) process.stdout.write(`${entry.sequence}\n`);
}
