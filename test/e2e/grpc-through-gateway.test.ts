import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { socketFolder, start } from './command-line.ts';

test('an agent over gRPC behind a gateway of HTTP/2, asked by a gateway behind a proxy with the PROXY protocol', async () => {
  const folder = socketFolder();
  const server = createServer((request, response) => response.end(JSON.stringify(request.headers)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const upstream = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agent = start('agent', 'waf', '--listen', 'grpc://127.0.0.1:0');
  const at = await agent.line('listening ');

  const inner = join(folder, 'inner.yaml');
  writeFileSync(
    inner,
    `
listen: 127.0.0.1:0
h2c: true
upstream: agents
upstreams:
  agents: { targets: ['${at.replace('grpc:', 'http:')}'], protocol: http2 }
`,
  );
  const relay = await start('gateway', '--config', inner).line('listening ');
  const outer = join(folder, 'outer.yaml');
  writeFileSync(
    outer,
    `
listen: 127.0.0.1:0
proxyProtocol: { from: [127.0.0.0/8] }
upstream: ${upstream}
agents: [{ name: waf, endpoint: '${relay.replace('http:', 'grpc:')}' }]
`,
  );
  const url = await start('gateway', '--config', outer).line('listening ');

  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  socket.write(
    'PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\nGET /ok HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n',
  );
  await once(socket, 'close');
  expect(text).toMatch(/^HTTP\/1\.1 200 /);
  expect(text).toContain('"x-forwarded-for":"192.0.2.7"');
  expect(text).toContain('"x-waf":"pass"');
}, 60_000);
