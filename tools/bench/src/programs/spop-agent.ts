import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { ack, agentHello, FRAME, readFrame, readMessages } from '../raw/spop.ts';

// node spop-agent.ts PATH: HAProxy's stream processing offload protocol on a Unix socket; passes every request

function serve(socket: Socket): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const answers: Buffer[] = [];
    for (let frame = readFrame(rest); frame !== undefined; frame = readFrame(rest)) {
      rest = rest.subarray(frame.length);
      if (frame.type === FRAME.hello) answers.push(agentHello());
      // an agent reads what it is asked
      else if (frame.type === FRAME.notify && readMessages(frame.payload).has('path')) answers.push(ack(frame));
      else if (frame.type === FRAME.disconnect) return void socket.end();
    }
    if (answers.length > 0) socket.write(answers.length === 1 ? (answers[0] as Buffer) : Buffer.concat(answers));
  });
}

const [path = ''] = process.argv.slice(2);
const server = createServer(serve).listen(path);
await once(server, 'listening');
writeSync(1, `${JSON.stringify({ address: `unix:${path}` })}\n`);
process.once('SIGTERM', () => process.exit(0));
