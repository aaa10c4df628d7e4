import { type MessagePort, workerData } from 'node:worker_threads';
import { serveSessions } from '@agentwire/core/session';
import { createWorkerTransport } from './index.ts';

const { accept } = workerData as { readonly accept: MessagePort };

// an agent in a thread of its own: it blocks what asks for /admin
await serveSessions(
  createWorkerTransport({ accept }),
  'worker:guard',
  {
    onEvent: (event) =>
      event.type === 'requestHeaders' && event.uri.startsWith('/admin')
        ? { verdict: { type: 'block', status: 403, body: 'not for you' } }
        : { verdict: { type: 'allow' } },
  },
  { self: { role: 'agent', name: 'guard', version: '1.0.0', features: [], encodings: [] } },
);
accept.postMessage('listening', []);
