import { createAdminServer, type AdminOptions } from '@agentwire/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

const GATEWAY = {
  stats: {
    webSockets: 0,
    active: 0,
    requests: 0,
    overloaded: 0,
    droppedConnections: 0,
    upstreamUsage: { busy: 0, idle: 0, queued: 0 },
    upstreams: {},
  },
};
const POOL = { stats: { agents: [] } } as unknown as AdminOptions['pool'];

async function admin(options: Partial<AdminOptions> = {}): Promise<string> {
  const server = createAdminServer({ gateway: GATEWAY, pool: POOL, ...options });
  onTestFinished(() => server.close());
  return server.listen({ host: '127.0.0.1', port: 0 });
}

const ask = async (url: string, line: string, host = 'localhost'): Promise<string> =>
  (await exchange(url, `${line} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)).slice(9, 12);

test.each(['//', String.raw`/\ `.trim(), '//:99999/', 'http://[/', '/%', '/__proto__', 'http://[::1', '/readyz#x'])(
  'GET %s is answered, and so is what comes after it',
  async (target) => {
    const url = await admin();
    expect(await ask(url, `GET ${target}`)).toBe('404');
    expect(await ask(url, 'GET /livez?probe=1')).toBe('200');
  },
);

test.each([
  ['localhost', '200'],
  ['LOCALHOST:9090', '200'],
  ['127.0.0.1:1', '200'],
  ['10.2.3.4', '200'],
  ['[::1]:9090', '200'],
  ['admin.internal:9090', '200'],
  ['rebound.example', '403'],
  ['localhost.example', '403'],
  ['127.0.0.1.example', '403'],
  ['[::1].example', '403'],
  ['[localhost]', '403'],
  ['', '403'],
])('Host %j is %s', async (host, status) => {
  const url = await admin({ hosts: ['Admin.internal'] });
  expect(await ask(url, 'GET /debug/state', host)).toBe(status);
});

test('GET and HEAD only', async () => {
  const url = await admin();
  const text = await exchange(url, 'POST /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n');
  expect(text).toMatch(/^HTTP\/1\.1 405 [^]*allow: GET, HEAD/);
  expect(await ask(url, 'HEAD /livez')).toBe('200');
});

describe('an exception ends one request', () => {
  test('of a page, and of the stats that a page shows', async () => {
    const failing = (): never => {
      throw new Error('page');
    };
    const lines: string[] = [];
    const note = (_fields: object, message: string): void => {
      lines.push(message);
      throw new Error('this logger throws too');
    };
    const logger = { debug: note, info: note, warn: note, error: note };
    const url = await admin({ pages: { '/metrics': failing }, gateway: { stats: { active: 1n } as never }, logger });
    expect(await ask(url, 'GET /metrics')).toBe('500');
    expect(await ask(url, 'GET /debug/state')).toBe('500');
    expect(await ask(url, 'GET /livez')).toBe('200');
    // the second one is counted as a repeat
    expect(lines).toEqual(['a page of the admin server failed']);
  });

  test('a logger and an onRequestEnd of the gateway, synchronous or not', async () => {
    const failing = (): never => {
      throw new Error('broken');
    };
    const logger = { debug: failing, info: failing, warn: failing, error: failing };
    let ends = 0;
    const { url } = await setup(
      {},
      { logger, onRequestEnd: () => ((ends += 1) === 1 ? failing() : Promise.reject(new Error('later'))) },
      (_request, response) => response.destroy(),
    );
    for (let at = 0; at < 3; at += 1) expect((await fetch(url)).status).toBe(502);
    expect(ends).toBe(3);
  });

  test('a log is not flooded by an upstream that is down', async () => {
    const lines: string[] = [];
    const note = (_fields: object, message: string): void => void lines.push(message);
    const logger = { debug: note, info: note, warn: note, error: note };
    const { url, gateway } = await setup({}, { logger }, (_request, response) => response.destroy());
    for (let at = 0; at < 20; at += 1) expect((await fetch(url)).status).toBe(502);
    expect([lines.length, gateway.stats.active]).toEqual([1, 0]);
  });

  test('a clock, which stands for any fault within the gateway', async () => {
    const lines: unknown[] = [];
    const logger = {
      debug: () => undefined,
      info: () => undefined,
      warn: () => undefined,
      error: (fields: object) => lines.push(fields),
    };
    let broken = false;
    const clock = {
      now: () => {
        if (broken) throw new Error('no time');
        return 0;
      },
      wallNow: () => 0,
      setTimeout: () => undefined,
      clearTimeout: () => undefined,
    };
    const { url, gateway } = await setup({}, { clock, logger });
    expect((await fetch(url)).status).toBe(200);
    broken = true;
    expect((await fetch(url)).status).toBe(500);
    broken = false;
    expect((await fetch(url)).status).toBe(200);
    expect([lines.length, gateway.stats.active]).toEqual([1, 0]);
  });
});

test.each([
  [{ hosts: 'a' }, 'hosts'],
  [{ hosts: [1] }, 'hosts'],
  [{ pages: { '/x': 1 } }, 'pages'],
  [{ logger: {} }, 'logger'],
  [{ host: 'x' }, 'has no option "host"'],
])('options %j are refused', (options, message) => {
  expect(() => createAdminServer({ gateway: GATEWAY, pool: POOL, ...options } as never)).toThrow(message);
});

test.each([
  [{ prot: 1 }, 'listen has no option "prot"'],
  [{ port: '80' }, 'port must be an integer from 0 to 65535, got "80" (string)'],
  [{ host: 1 }, 'host must be a string'],
])('listen(%j) is refused', async (options, message) => {
  const { gateway } = await setup({});
  await expect(gateway.listen(options as never)).rejects.toThrow(message);
});
