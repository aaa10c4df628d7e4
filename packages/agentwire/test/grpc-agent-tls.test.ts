import { AgentPool, allow, defineAgent, serveAgent, stockTransports } from 'agentwire';
import { createUdsTransport } from 'agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { makeIdentity } from '../../transport-grpc/test/support/certificates.ts';

const authority = makeIdentity('test authority');
const server = makeIdentity('agent', authority);
const client = makeIdentity('proxy', authority);
const elsewhere = makeIdentity('other authority');
const other = makeIdentity('other', elsewhere);
const head = { id: 1, metadata: {}, method: 'GET', uri: '/', headers: [], hasBody: false } as const;

/** An agent over TLS on a free port, and a pool without certificates of its own. */
async function setup(requireClientCertificate = false): Promise<{ address: string; pool: AgentPool }> {
  const agent = defineAgent({ name: 'waf', version: '1', onRequestHeaders: () => allow() });
  const tls = { ca: authority.cert, cert: server.cert, key: server.key, requireClientCertificate };
  const serving = await serveAgent(agent, {
    listen: ['grpcs://127.0.0.1:0'],
    transports: stockTransports({ tls }),
    authorize: (_, { certificate }) => void seen.push(certificate !== undefined),
  });
  const pool = AgentPool.withConfig({ connectionsPerAgent: 1 });
  onTestFinished(async () => {
    await pool.close();
    await serving.close();
    seen.length = 0;
  });
  return { address: (serving.endpoints[0] ?? '').replace('grpcs://', ''), pool };
}
const seen: boolean[] = [];

test.each([
  ['text', authority.cert],
  ['bytes', Buffer.from(authority.cert)],
  ['a list', [elsewhere.cert, Buffer.from(authority.cert)]],
])('dials with the authority that it was given, as %s', async (_, ca) => {
  const { address, pool } = await setup();
  await pool.addGrpcAgent('waf', address, { ca, serverName: 'localhost' });
  expect(await pool.sendRequestHeaders('waf', head)).toMatchObject({ verdict: { type: 'allow' } });
  expect(pool.stats.agents[0]?.endpoint).toBe(`grpcs://${address}`);
  expect(seen).toEqual([false]);
});

test('mutual TLS: each agent has its own certificate, beside the authority of the transport', async () => {
  const { address } = await setup(true);
  const pool = new AgentPool({ connectionsPerAgent: 1, transports: stockTransports({ tls: { ca: authority.cert } }) });
  onTestFinished(() => pool.close());
  await pool.addGrpcAgent('known', address, { cert: client.cert, key: Buffer.from(client.key) });
  await pool.addGrpcAgent('nameless', address, true);
  await pool.addGrpcAgent('unknownCa', `grpcs://${address}`, { cert: other.cert, key: other.key });
  const verdictOf = async (agent: string): Promise<unknown> =>
    pool.sendRequestHeaders(agent, head).then(
      ({ verdict }) => verdict.type,
      (error: unknown) => (error as { code: string }).code,
    );
  expect(await Promise.all(['known', 'nameless', 'unknownCa'].map(verdictOf))).toEqual([
    'allow',
    'ERR_CONNECT',
    'ERR_CONNECT',
  ]);
  expect(seen).toEqual([true]);
});

test.each([
  ['another authority', { ca: elsewhere.cert }],
  ['no authority', {}],
  ['another name', { ca: authority.cert, serverName: 'elsewhere.example' }],
])('does not talk to an agent whose certificate is for %s', async (_, tls) => {
  const { address, pool } = await setup();
  await pool.addGrpcAgent('waf', address, tls);
  await expect(pool.sendRequestHeaders('waf', head)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
  expect(seen).toEqual([]);
});

test.each<[string, unknown, RegExp]>([
  ['a file name', { ca: '/etc/ssl/ca.pem' }, /ca must be PEM text or bytes/],
  ['a number', { key: 7, cert: client.cert }, /key must be PEM/],
  ['an unknown key', { servername: 'a' }, /servername.*serverName/],
  ['no object', 'yes', /tls must be an object/],
  ['a certificate without its key', { cert: client.cert }, /go together/],
  ['the key of another certificate', { cert: client.cert, key: other.key }, /cannot be used: .*key values mismatch/],
  ['damaged text', { cert: client.cert.replaceAll('M', '!'), key: client.key }, /cannot be used/],
])('refuses %s before it dials', async (_, tls, message) => {
  const { address, pool } = await setup();
  const adding = pool.addGrpcAgent('waf', address, tls as object);
  await expect(adding).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) });
  expect(pool.has('waf')).toBe(false);
  await expect(adding).rejects.not.toThrow('PRIVATE');
});

test('an endpoint of another kind, and a transport without certificates, are errors', async () => {
  const { pool } = await setup();
  await expect(pool.addGrpcAgent('waf', 'unix:/run/a.sock')).rejects.toMatchObject({ code: 'ERR_INVALID_ADDRESS' });
  const plain = { ...createUdsTransport(), schemes: ['grpcs'] };
  const without = new AgentPool({ transports: [plain] });
  onTestFinished(() => without.close());
  const adding = without.addGrpcAgent('waf', 'localhost:1', { ca: authority.cert });
  await expect(adding).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
});
