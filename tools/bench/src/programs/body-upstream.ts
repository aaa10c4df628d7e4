import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// node body-upstream.ts: reads every body, discards it and answers with 200

const server = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'content-length': '0' }).end());
  request.on('error', () => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
writeSync(1, `${JSON.stringify({ address: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`);
