import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, createAgentPool, defineAgent, serveAgent, stockTransports } from 'agentwire';
import type { Transport } from 'agentwire/core';
import { createUdsTransport } from 'agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { waysOf } from './ways.ts';

test.each(waysOf('cache'))(
  'an agent is asked once for equal requests where it says so, over %s',
  async (_name, way) => {
    const folder = mkdtempSync(join(tmpdir(), 'aw-'));
    const { dialect, encodings } = way;
    const transports: Transport[] =
      dialect === undefined ? stockTransports() : [createUdsTransport({ dialect }), ...stockTransports()];
    const pool = createAgentPool({
      transports,
      connectionsPerAgent: 1,
      decisionCache: {},
      ...(encodings !== undefined && { encodings }),
    });
    const asked: string[] = [];
    const agent = defineAgent({
      name: 'waf',
      version: '1',
      requestBody: true,
      async onRequestHeaders(request) {
        asked.push(request.uri);
        const decision = allow().setRequestHeader('x-user', request.headers.get('x-user') ?? 'none');
        if (request.method === 'POST') await request.bytes();
        return decision.cacheFor(60_000, { vary: ['path', 'X-User'] });
      },
    });
    const server = await serveAgent(agent, {
      listen: [way.listen === 'unix:' ? `unix:${folder}/a.sock` : way.listen],
    });
    onTestFinished(async () => {
      await pool.close();
      await server.close();
      rmSync(folder, { recursive: true });
    });
    await pool.addAgent('waf', server.endpoints[0] ?? '');
    let id = 0;
    const ask = (uri: string, user: string, hasBody = false) =>
      pool.decide('waf', {
        type: 'requestHeaders',
        id: (id += 1),
        method: hasBody ? 'POST' : 'GET',
        uri,
        headers: ['x-user', user, ...(hasBody ? ['content-length', '1'] : [])],
        hasBody,
      });
    const users = [];
    for (const [uri, user] of [
      ['/?a', 'ann'],
      ['/?b', 'ann'],
      ['/', 'bob'],
      ['/', 'ann'],
    ] as const)
      users.push((await ask(uri, user)).requestHeaders?.[0]);
    expect(users.map((one) => one?.op === 'set' && one.value)).toEqual(['ann', 'ann', 'bob', 'ann']);
    // the dialect of the released proxy has no field for it
    expect(asked).toEqual(dialect === 'zentinel' ? ['/?a', '/?b', '/', '/'] : ['/?a', '/']);
    for (const round of [1, 2]) {
      expect([round, await ask('/', 'ann', true)]).toMatchObject([round, { needsMore: true }]);
      await pool.cancelAll('waf');
    }
    expect(asked.slice(-2)).toEqual(['/', '/']);
  },
);
