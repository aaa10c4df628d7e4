import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../now.ts';

// A byte to and fro over a plain socket every few milliseconds; a line with its time and duration for each.

const EVERY_MS = 5;
const path = process.argv[2] ?? '';
const server = createServer((socket) => socket.pipe(socket)).listen(path);
await once(server, 'listening');
const socket = connect(path);
for (;;) {
  const since = monotonicMs();
  socket.write('x');
  await once(socket, 'data');
  const at = monotonicMs();
  process.stdout.write(`${at} ${at - since}\n`);
  const due = monotonicMs();
  await sleep(EVERY_MS);
  // a timer that comes late is a wait for the processor too
  process.stdout.write(`${monotonicMs()} ${monotonicMs() - due - EVERY_MS}\n`);
}
