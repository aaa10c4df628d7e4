import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CLIENT_FRAME_BYTES, SERVER_FRAME } from '../raw/web-socket-frames.ts';

// node web-socket-upstream.ts: answers each message of a WebSocket with another one of its length, and reads none of them

const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const server = createServer();
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${KEY_SUFFIX}`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  );
  let bytes = 0;
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    for (bytes += chunk.byteLength; bytes >= CLIENT_FRAME_BYTES; bytes -= CLIENT_FRAME_BYTES)
      socket.write(SERVER_FRAME);
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
writeSync(1, `${JSON.stringify({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
