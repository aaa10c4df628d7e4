import { X509Certificate } from 'node:crypto';
import { allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import { DEFAULT_CAPABILITIES, type Hello, type RequestHeaders, type Transport } from '@agentwire/core';
import { AgentPool } from '@agentwire/pool';
import { createTcpTransport, type TlsOptions } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';
import { describe, expect, type Mock, onTestFinished, test, vi } from 'vitest';
import { type Identity, makeIdentity } from '../../transport-grpc/test/support/certificates.ts';
import { certificateNames } from '../src/certificate-names.ts';
import { ReverseConnectionListener } from '../src/index.ts';

const head = (uri: string): RequestHeaders =>
  ({ type: 'requestHeaders', id: uri, method: 'GET', uri, headers: [] }) as never;
const waf = defineAgent({
  name: 'waf',
  version: '1',
  onRequestHeaders: ({ uri }) => (uri.includes('..') ? block(403) : allow()),
});

const hello = (agentId: string): Hello => ({
  role: 'agent',
  name: agentId,
  version: '1',
  features: [],
  encodings: ['json'],
  capabilities: { ...DEFAULT_CAPABILITIES, agentId },
});

const authority = makeIdentity('authority');
const own = makeIdentity('proxy', authority);
const tlsOf = ({ cert, key }: Identity, more: TlsOptions = {}): TlsOptions => ({
  cert,
  key,
  ca: authority.cert,
  ...more,
});

const SCHEMES: readonly [string, string, (tls: TlsOptions) => Transport][] = [
  ['TLS', 'tls://127.0.0.1:0', (tls) => createTcpTransport({ tls })],
  ['WebSocket', 'wss://127.0.0.1:0/agents', (tls) => createWebSocketTransport({ tls })],
];

describe.each(SCHEMES)('registration over mutual %s', (_name, address, transport) => {
  /** A proxy that takes agents whose certificates have their ids as names. */
  async function proxy(): Promise<{ pool: AgentPool; listener: ReverseConnectionListener; warn: Mock }> {
    const pool = new AgentPool({ transports: [] });
    const warn = vi.fn();
    const quiet = (): void => undefined;
    const listener = await ReverseConnectionListener.bind(address, {
      transports: [transport(tlsOf(own, { requireClientCertificate: true }))],
      certificateIds: true,
      refusalDelayMs: 0,
      logger: { debug: quiet, info: quiet, warn, error: quiet },
    });
    onTestFinished(async () => {
      await listener.close();
      await pool.close();
    });
    void listener.acceptLoop(pool);
    return { pool, listener, warn };
  }

  /** Registers as a bare agent. @returns the code of the error that it gets, `undefined` where it is taken */
  async function refused(at: string, agentId: string, tls: TlsOptions): Promise<string | undefined> {
    try {
      const handler = { onMessage: () => undefined, onClose: () => undefined };
      const connection = await transport(tls).connect(at, { self: hello(agentId), onConnection: () => handler });
      connection.abort();
      return undefined;
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  test('takes an agent under a name of its certificate', async () => {
    const { pool, listener } = await proxy();
    for (const [agentId, identity] of [
      ['waf-1', makeIdentity('waf-1', authority)],
      ['waf-2', makeIdentity('x', authority, ['localhost', 'waf-2'])],
    ] as const) {
      const registered = Promise.withResolvers<string>();
      const server = await serveAgent(waf, {
        transports: [transport(tlsOf(identity))],
        reverse: [{ address: listener.address, agentId, connections: 1 }],
        onRegistered: registered.resolve,
      });
      onTestFinished(() => server.close());
      expect(await registered.promise).toBe(listener.address);
      expect((await pool.decide(agentId, head('/..'))).verdict).toMatchObject({ type: 'block', status: 403 });
    }
  });

  test('takes none under another name, without a certificate, or with one of another authority', async () => {
    const { listener, warn } = await proxy();
    const at = listener.address;
    const named = makeIdentity('waf-1', authority, ['localhost', 'a,DNS:waf-3']);
    for (const id of ['waf-2', 'waf-3', 'WAF-1', 'authority', 'DNS:localhost', '127.0.0.1'])
      expect(await refused(at, id, tlsOf(named)), id).toBe('ERR_UNAUTHORIZED');
    expect(warn.mock.calls.map(([, line]) => line as string)).toEqual(
      Array.from({ length: 6 }, () => expect.stringContaining('its certificate does not name this id') as string),
    );
    expect(await refused(at, 'waf-1', { ca: authority.cert })).toMatch(/^ERR_(?:CONNECT|UNAUTHORIZED|CLOSED)/);
    const unknown = makeIdentity('waf-1', makeIdentity('authority'));
    expect(await refused(at, 'waf-1', tlsOf(unknown))).toMatch(/^ERR_(?:CONNECT|UNAUTHORIZED|CLOSED)/);
    expect(listener.connectionsByAgent.size).toBe(0);
    expect(await refused(at, 'waf-1', tlsOf(named))).toBeUndefined();
  });
});

describe('names of a certificate', () => {
  const namesOf = (...[name, dnsNames]: [string, string[]]): string[] =>
    Array.from(certificateNames(new X509Certificate(makeIdentity(name, authority, dnsNames).cert).raw));

  test('are its common name and its DNS names', () => {
    expect(namesOf('waf-1', ['a.test', 'WAF'])).toEqual(['waf-1', 'a.test', 'WAF']);
    expect(certificateNames(undefined).size).toBe(0);
  });

  test.each([
    'x, DNS:waf-1, DNS:y',
    '", DNS:waf-1, DNS:"',
    'x", DNS:waf-1, "y',
    '\\", DNS:waf-1',
    'a,DNS:waf-1',
    'waf-1\0x',
  ])('%j is one name, and no list of names', (name) => {
    for (const names of [namesOf('other', [name]), namesOf(name, ['other'])]) {
      expect(names).toHaveLength(2);
      expect(names).not.toContain('waf-1');
    }
  });
});
