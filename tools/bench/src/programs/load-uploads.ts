import { connect } from 'node:net';
import { MeasuredLoad } from '../http/measured-load.ts';

// node load-uploads.ts URL CONNECTIONS SECONDS: each connection uploads 16 MiB, waits for the answer, and starts over

const UPLOAD_BYTES = 16 * 1024 ** 2;
const WRITE = Buffer.alloc(1024 ** 2, 'a body that compresses well, were it compressed. ');

const [url = '', connections, seconds] = process.argv.slice(2);
const { hostname, port, host, pathname } = new URL(url);
const HEAD = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/octet-stream\r\ncontent-length: ${UPLOAD_BYTES}\r\n\r\n`;
const load = new MeasuredLoad();

for (let n = 0; n < Number(connections); n++) {
  const socket = connect(Number(port), hostname);
  let since = 0;
  let left = 0;
  const write = (): void => {
    while (left > 0) {
      left -= WRITE.byteLength;
      if (!socket.write(WRITE)) return;
    }
  };
  const begin = (): void => {
    since = performance.now();
    left = UPLOAD_BYTES;
    socket.write(HEAD);
    write();
  };
  socket.setEncoding('latin1').on('connect', begin).on('drain', write);
  socket.on('error', () => undefined).on('close', () => load.failed());
  socket.on('data', (text: string) => {
    if (!text.startsWith('HTTP/1.1 200')) return socket.destroy();
    load.done(since);
    begin();
    return undefined;
  });
}
await load.report(Number(seconds));
