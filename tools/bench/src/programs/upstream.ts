import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { textOf } from '../raw/buffer-text.ts';

// node upstream.ts: answers every request with the same 200, so cheaply that it is not what is measured; heads only

const BODY = JSON.stringify({
  status: 'ok',
  items: Array.from({ length: 8 }, (_, id) => ({ id, name: `item ${id}` })),
});
const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length}\r\nconnection: keep-alive\r\n\r\n${BODY}`,
);
const END = '\r\n\r\n';

const server = createServer((socket) => {
  let rest = '';
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    rest += textOf(chunk).latin1Slice(0, chunk.length);
    for (let at = rest.indexOf(END); at >= 0; at = rest.indexOf(END)) {
      socket.write(ANSWER);
      rest = rest.slice(at + END.length);
    }
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
writeSync(1, `${JSON.stringify({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
