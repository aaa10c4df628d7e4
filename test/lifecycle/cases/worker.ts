import type { Worker as ClusterWorker } from 'node:cluster';
import { EventEmitter } from 'node:events';
import { Worker, WORKER_LIFECYCLE } from '@agentwire/cli/internal';
import { createManualClock } from '@agentwire/core/testing';
import type { LifecycleCase } from '../lifecycle-case.ts';

const ignore = (): void => undefined;
const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore };

/** Worker of a gateway, with a process that does nothing. */
export const worker: LifecycleCase = {
  name: 'worker',
  lifecycle: WORKER_LIFECYCLE,
  create() {
    const process = Object.assign(new EventEmitter(), {
      id: 1,
      process: { pid: 1, kill: () => true },
      isConnected: () => true,
      send: () => true,
    });
    const subject = new Worker(process as unknown as ClusterWorker, {
      clock: createManualClock(),
      startTimeoutMs: 1_000,
      killAfterMs: 1_000,
      hangTimeoutMs: 1_000,
      logger: silent,
    });
    return {
      state: () => subject.state,
      events: {
        ready: () => process.emit('message', { type: 'ready' }),
        drain: () => void subject.drain(),
        exit: () => process.emit('exit'),
      },
    };
  },
};
