import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { allow, defineAgent, serveAgent, stockTransports } from 'agentwire';
import { FEATURES } from 'agentwire/core';
import { connectSession } from 'agentwire/session';
import { expect, onTestFinished, test, vi } from 'vitest';

const FRAMES = 'over frames the address is unix:PATH';
const GRPC = 'for gRPC the address is grpc+unix:PATH';

test.each([
  ['grpc+unix:SOCKET', 'unix:SOCKET', GRPC, FRAMES],
  ['unix:SOCKET', 'grpc+unix:SOCKET', FRAMES, GRPC],
  ['grpc://127.0.0.1:0', 'tcp:', GRPC, FRAMES],
  ['tcp://127.0.0.1:0', 'grpc:', FRAMES, GRPC],
])(
  'an agent on %s that is dialled on %s: both sides say what the other may speak',
  async (on, dialled, told, logged) => {
    const folder = mkdtempSync(`${tmpdir()}/aw-`);
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const warn = vi.fn<(fields: object, message: string) => void>();
    const logger = { debug: () => {}, info: () => {}, warn, error: () => {} };
    const agent = defineAgent({ name: 'waf', version: '1', onRequestHeaders: () => allow() });
    const listen = [on.replace('SOCKET', `${folder}/a.sock`)];
    const server = await serveAgent(agent, { transports: stockTransports({ logger }), listen, logger });
    onTestFinished(() => server.close());
    const [at = ''] = server.endpoints;
    const address = dialled.endsWith(':')
      ? at.replace(/^\w+:/, dialled)
      : dialled.replace('SOCKET', `${folder}/a.sock`);
    const self = { role: 'proxy', name: 'p', version: '1', features: FEATURES, encodings: ['json'] } as const;
    const [scheme = ''] = address.split(':');
    const transport = stockTransports({ logger }).find(({ schemes }) => schemes.includes(scheme));
    if (transport === undefined) expect.unreachable(`no transport has ${scheme}`);
    else await expect(connectSession(transport, address, { self })).rejects.toThrow(told);
    await vi.waitFor(() => expect(warn.mock.calls.map(([, message]) => message).join('\n')).toContain(logged));
  },
);
