// #region compliance
import { MessageChannel } from 'node:worker_threads';
import { arrivesIn, testTransport } from '@agentwire/transport-compliance';
import { describe, test, vi } from 'vitest';
import { createWorkerTransport } from '../src/index.ts';

// past the kit's caseTimeoutMs, 20 s, whose error names what a case waited for; that of vitest, 5 s, does not
vi.setConfig({ testTimeout: 25_000 });

let addresses = 0;

testTransport({
  name: 'worker',
  create({ clock }) {
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    return createWorkerTransport({ dial: port1, accept: port2, clock });
  },
  address: () => `worker:kit-${(addresses += 1)}`,
  // cancel and flowControl have no time in the dialect that both sides negotiate
  arrivesAs: arrivesIn('documented', 'msgpack'),
  runner: { describe, test },
});
// #endregion
