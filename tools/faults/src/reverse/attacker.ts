import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { certificates } from '../../../../packages/transport-uds/test/certificates/certificates.ts';
import { netAddress } from '../relay/relay.ts';

// Registers badly, in every way there is, so many times and so many at a time; leaves before it is answered. It leaves by an end of its
// side and waits for the other one: after a reset the system's queue of new connections would hold many more than are at a time.

const [, , address = '', count = '0', atOnce = '1'] = process.argv;
const WAIT_MS = 10_000;

function frame(type: number, payload: string): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + 1);
  head[4] = type;
  return Buffer.concat([head, Buffer.from(payload)]);
}
const registration = (fields: object): Buffer =>
  frame(1, JSON.stringify({ protocol_version: 2, agent_id: 'a-1', capabilities: {}, ...fields }));

const BAD: readonly Buffer[] = [
  registration({ auth_token: 'wrong' }),
  registration({}),
  registration({ agent_id: 'x', auth_token: 'the-right-token' }),
  registration({ capabilities: ['x'] }),
  registration({ agent_id: 7 }),
  frame(1, '{'),
  frame(1, ' '.repeat(64 * 1024)),
  frame(0x10, '{}'),
  Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  Buffer.alloc(0),
];

function dial(): Socket {
  const where = netAddress(address);
  return address.startsWith('tls:') ? connectTls({ ...certificates, ...where } as never) : connect(where);
}

let left = Number(count);
async function attack(): Promise<void> {
  while (left > 0) {
    const bytes = BAD[(left -= 1) % BAD.length] ?? Buffer.alloc(0);
    const socket = dial();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), WAIT_MS);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          clearTimeout(timer);
          resolve();
        });
      socket.once(address.startsWith('tls:') ? 'secureConnect' : 'connect', () => {
        socket.end(bytes);
      });
    });
  }
}
await Promise.all(Array.from({ length: Number(atOnce) }, attack));
process.stdout.write('done\n');
