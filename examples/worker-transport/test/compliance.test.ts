// #region compliance
import { MessageChannel } from 'node:worker_threads';
import { arrivesIn, testTransport } from '@agentwire/transport-compliance';
import { describe, test } from 'vitest';
import { createWorkerTransport } from '../src/index.ts';

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
