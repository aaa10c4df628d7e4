import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// node download-upstream.ts: answers every request with 16 MiB

const DOWNLOAD_BYTES = 16 * 1024 ** 2;
const WRITE = Buffer.alloc(1024 ** 2, 'a body that compresses well, were it compressed. ');

const server = createServer((_request, response) => {
  let left = DOWNLOAD_BYTES;
  const write = (): void => {
    while (left > 0) {
      left -= WRITE.byteLength;
      if (!response.write(WRITE)) return;
    }
    response.end();
  };
  response.on('drain', write).on('error', () => response.destroy());
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': DOWNLOAD_BYTES });
  write();
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
writeSync(1, `${JSON.stringify({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
