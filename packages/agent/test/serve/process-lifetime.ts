// Run by process-lifetime.test.ts: an agent whose proxy is not there.
import { createUdsTransport } from '@agentwire/transport-uds';
import { allow, defineAgent, serveAgent } from '../../src/index.ts';

await serveAgent(defineAgent({ name: 'alone', version: '1', onRequestHeaders: () => allow() }), {
  transports: [createUdsTransport()],
  reverse: [{ address: 'unix:/nonexistent/proxy.sock', connections: 1, backoff: { initialMs: 1 } }],
  signals: true,
  logger: {
    debug: () => undefined,
    info: () => undefined,
    warn: (fields) => void process.stdout.write(`${fields['code'] as string}\n`),
    error: () => undefined,
  },
});
