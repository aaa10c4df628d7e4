import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createServer } from 'node:http';

// node authorize.ts PATH: an HTTP server for nginx's auth_request, on a Unix socket; passes every request with one header

const [path = ''] = process.argv.slice(2);
const server = createServer((_, response) => response.writeHead(204, { 'x-agent': 'allow' }).end());
// nginx keeps connections for longer than Node does, and takes one that has just been closed for a failure
server.keepAliveTimeout = 0;
server.listen(path);
await once(server, 'listening');
writeSync(1, `${JSON.stringify({ address: `unix:${path}` })}\n`);
process.once('SIGTERM', () => process.exit(0));
