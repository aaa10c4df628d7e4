import { testTransport } from '@agentwire/transport-compliance';
import { describe, test } from 'vitest';
import { createMemoryTransport } from '../src/index.ts';

for (const ids of ['number', 'text'] as const) {
  let addresses = 0;
  testTransport({
    name: `memory with ${ids} ids`,
    create: ({ clock }) => createMemoryTransport({ ids, clock }),
    address: () => `memory:kit-${(addresses += 1)}`,
    runner: { describe, test },
  });
}
