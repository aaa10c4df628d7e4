import { type AddressInfo, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { FLAG, FRAME, frame } from './raw-http2.ts';

/** An upstream of HTTP/2 that answers each request with frames by hand; closed after the test. */
export async function frameUpstream(onRequest: (socket: Socket, stream: number) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let rest = Buffer.alloc(0);
    // the preface
    let skipped = 24;
    sockets.add(socket);
    socket.on('error', () => undefined).write(frame(FRAME.settings, 0, 0));
    socket.on('data', (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes]);
      if (rest.length < skipped) return;
      rest = rest.subarray(skipped);
      skipped = 0;
      while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
        const [length, type, flags = 0, stream] = [rest.readUIntBE(0, 3), rest[3], rest[4], rest.readUInt32BE(5)];
        rest = rest.subarray(9 + length);
        if (type === FRAME.settings && (flags & FLAG.ack) === 0) socket.write(frame(FRAME.settings, FLAG.ack, 0));
        if (type === FRAME.headers) onRequest(socket, stream);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
