import { spawn, spawnSync } from 'node:child_process';
import { connect } from '@nats-io/transport-node';
import { ServiceBroker } from 'moleculer';
import type { Row } from './row.ts';

const PORT = 24_222;

/** Rows of other projects: a local call of moleculer, and a round trip of nats.js through a server on this machine. */
export const yardstickRows: Readonly<Record<string, () => Promise<Row>>> = {
  'moleculer local call, 1 in flight': () => moleculer(1),
  'moleculer local call, 64 in flight': () => moleculer(64),
  ...(hasNats()
    ? {
        'nats.js request/reply, 1 in flight': () => nats(1),
        'nats.js request/reply, 64 in flight': () => nats(64),
      }
    : {}),
};

function hasNats(): boolean {
  if (spawnSync('nats-server', ['--version']).status === 0) return true;
  process.stderr.write('!! no nats-server on the PATH: its rows are missing (apt-get install nats-server)\n');
  return false;
}

async function moleculer(inFlight: number): Promise<Row> {
  const broker = new ServiceBroker({ logger: false });
  broker.createService({ name: 'echo', actions: { say: (context: { readonly params: unknown }) => context.params } });
  await broker.start();
  const run = together(inFlight, () => broker.call('echo.say', { text: 'hello agent' }));
  return { unit: 'round trips', run, close: () => broker.stop() };
}

async function nats(inFlight: number): Promise<Row> {
  const server = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(PORT)], { stdio: 'ignore' });
  const servers = `nats://127.0.0.1:${PORT}`;
  const asking = await connect({ servers, waitOnFirstConnect: true, reconnectTimeWait: 50 });
  const answering = await connect({ servers });
  answering.subscribe('echo', { callback: (_error, message) => void message.respond(message.data) });
  await answering.flush();
  const close = async (): Promise<void> => {
    await Promise.all([asking.close(), answering.close()]);
    await new Promise((resolve) => server.on('exit', resolve).kill());
  };
  return { unit: 'round trips', run: together(inFlight, () => asking.request('echo', 'hello agent')), close };
}

function together(inFlight: number, call: () => Promise<unknown>): Row['run'] {
  return async (count) => {
    const each = Math.ceil(count / inFlight);
    const ask = async (): Promise<void> => {
      for (let n = 0; n < each; n += 1) await call();
    };
    await Promise.all(Array.from({ length: inFlight }, ask));
  };
}
