import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttp2, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { serveAgent } from '@agentwire/agent';
import { parseEndpoint, systemClock } from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import reference from '../../cli/src/agents/reference.ts';
import { AGENT_CHECKS, runAgentChecks } from '../src/agent/run-agent-checks.ts';
import { AgentUnderTest } from '../src/agent/under-test.ts';
import { documented } from '../src/wire/documented.ts';
import { grpc } from '../src/wire/grpc.ts';
import type { ProtocolForm } from '../src/wire/wire.ts';
import { MinimalAgent } from './minimal-agent.ts';

function temporarySocket(): string {
  const folder = mkdtempSync(`${tmpdir()}/aw-c-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `${folder}/a.sock`;
}

async function serveReference(): Promise<{ readonly unix: string; readonly grpc: string }> {
  const transports = [createUdsTransport(), createGrpcTransport()];
  const server = await serveAgent(reference, {
    transports,
    listen: [`unix:${temporarySocket()}`, 'grpc://127.0.0.1:0'],
  });
  onTestFinished(() => server.close());
  const [unix = '', overGrpc = ''] = server.endpoints;
  return { unix, grpc: overGrpc };
}

const generous = { clock: systemClock, timeoutMs: 2_000 };

describe('agentwire agent reference', () => {
  test.each<ProtocolForm>(['documented', 'zentinel', 'grpc'])(
    'passes every check (%s)',
    { timeout: 60_000 },
    async (form) => {
      const at = await serveReference();
      const results = await runAgentChecks(parseEndpoint(form === 'grpc' ? at.grpc : at.unix), form, generous);
      expect(results.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
      const expected = AGENT_CHECKS.filter(({ forms }) => forms === undefined || forms.includes(form));
      expect(results.map(({ id }) => id)).toEqual(expected.map(({ id }) => id));
      expect(results.length).toBeGreaterThanOrEqual(40);
    },
  );
});

async function minimal(fault: string): Promise<AgentUnderTest> {
  const agent = new MinimalAgent(fault);
  const path = temporarySocket();
  await new Promise<void>((resolve) => agent.server.listen(path, resolve));
  const under = new AgentUnderTest(parseEndpoint(`unix:${path}`), documented, systemClock, 250);
  onTestFinished(() => {
    under.release();
    agent.close();
  });
  return under;
}

const checkOf = (id: string): (typeof AGENT_CHECKS)[number] => {
  const check = AGENT_CHECKS.find((one) => one.id === id);
  if (check === undefined) throw new Error(`there is no check ${id}`);
  return check;
};

/** Faults of an agent, each with the check that detects it. */
const FAULTS: readonly (readonly [fault: string, check: string])[] = [
  ['silent', 'handshake-answer'],
  ['field-missing', 'handshake-fields'],
  ['no-buffer', 'handshake-in-pieces'],
  ['strict-fields', 'handshake-unknown-field'],
  ['three-connections', 'handshake-four'],
  ['any-version', 'version-refused'],
  ['no-reason', 'version-refused-with-reason'],
  ['garbage-accepted', 'handshake-garbage'],
  ['no-handshakeMode-needed', 'handshake-missing'],
  ['greets-twice', 'handshake-twice'],
  ['always-msgpack', 'encoding-default'],
  ['last-encoding', 'encoding-order'],
  ['always-msgpack', 'encoding-offered'],
  ['strict-encodings', 'encoding-unknown'],
  ['wrong-decision', 'decision-shape'],
  ['answers-twice', 'decision-once'],
  ['block-without-status', 'decision-all-kinds'],
  ['operations-reversed', 'header-operations'],
  ['every-tenth-lost', 'routing-by-id'],
  ['answers-mixed', 'routing-other-decisions'],
  ['ids-rounded', 'id-exact'],
  ['ids-once', 'id-again'],
  ['strict-events', 'unknown-field'],
  ['ascii-only', 'head-text'],
  ['no-request-chunks', 'request-chunk'],
  ['no-response-headers', 'response-headers'],
  ['no-response-chunks', 'response-chunk'],
  ['late-head-is-all', 'late-head'],
  ['late-head-repeated', 'late-head'],
  ['small-frames', 'large-chunk'],
  ['forgets-bodies', 'body-whole'],
  ['one-body', 'body-apart'],
  ['indexes-reversed', 'order-within-request'],
  ['pong-empty', 'ping-echo'],
  ['pongs-reversed', 'ping-burst'],
  ['serial', 'ping-while-busy'],
  ['serial', 'concurrency'],
  ['one-at-all', 'concurrency-connections'],
  ['cancel-closes', 'cancel-unknown'],
  ['cancel-ignored', 'cancel-honoured'],
  ['cancel-all', 'cancel-others'],
  ['cancel-closes', 'cancel-again'],
  ['end-drops', 'end-after-answers'],
  ['cut-waits', 'end-in-message'],
  ['waits-for-all', 'unread-answers'],
  ['malformed-allowed', 'malformed-no-allow'],
  ['malformed-allowed-later', 'malformed-no-allow'],
  ['malformed-wedges', 'malformed-goes-on'],
  ['malformed-kills', 'malformed-others'],
  ['unknown-closes', 'unknown-type'],
  ['both-dialects', 'other-dialect'],
  ['other-cancel-answered', 'other-dialect-cancel'],
  ['takes-answers', 'wrong-direction'],
  ['zero-ignored', 'frame-of-zero'],
  ['no-limit', 'oversize-refused'],
  ['no-limit', 'oversize-handshake'],
  ['cut-kills', 'cut-frame'],
  ['throw-allowed', 'throw-no-allow'],
  ['throw-allowed-later', 'throw-no-allow'],
  ['throw-closes', 'throw-answered'],
  ['version-one-answered', 'version-one'],
];

describe('the smallest agent in the documented dialect', () => {
  test('passes every check', { timeout: 60_000 }, async () => {
    const { endpoint } = await minimal('none');
    const results = await runAgentChecks(endpoint, 'documented', { clock: systemClock, timeoutMs: 1_500 });
    expect(results.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
  });

  test.each(FAULTS)('with the fault %s fails %s', async (fault, id) => {
    const under = await minimal(fault);
    await expect(checkOf(id).run(under)).rejects.toMatchObject({
      name: expect.stringMatching(/CheckFailure|Agentwire/),
    });
  });

  test('every check of the form has a fault that it sees', () => {
    const seen = new Set(FAULTS.map(([, id]) => id));
    const blind = AGENT_CHECKS.filter(({ forms, id }) => forms?.includes('documented') !== false && !seen.has(id));
    expect(blind.map(({ id }) => id)).toEqual([]);
  });
});

async function http2(onServer: (server: Http2Server) => void): Promise<AgentUnderTest> {
  const server = createHttp2();
  onServer(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const under = new AgentUnderTest(parseEndpoint(`grpc://127.0.0.1:${port}`), grpc, systemClock, 250);
  onTestFinished(() => {
    under.release();
    server.close();
  });
  return under;
}

describe('an agent over gRPC', () => {
  test('that waits with its response headers fails grpc-response-headers', async () => {
    const under = await http2((server) => server.on('stream', (stream) => stream.once('data', () => stream.respond())));
    await expect(checkOf('grpc-response-headers').run(under)).rejects.toThrow('wait for the first message');
  });

  test('that takes any method fails grpc-unknown-method', async () => {
    const under = await http2((server) => server.on('stream', (stream) => stream.respond({ ':status': 200 })));
    await expect(checkOf('grpc-unknown-method').run(under)).rejects.toThrow('timeout');
  });

  test('that answers with something else than protobuf fails handshake-answer', async () => {
    const under = await http2((server) =>
      server.on('stream', (stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
        stream.write(Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]));
      }),
    );
    await expect(checkOf('handshake-answer').run(under)).rejects.toThrow('no protobuf');
  });
});

test('checks that need the behaviour of the reference agent are skipped for others', { timeout: 60_000 }, async () => {
  const { endpoint } = await minimal('operations-reversed-and-more');
  const strange = await runAgentChecks(endpoint, 'documented', { clock: systemClock, timeoutMs: 1_500 });
  expect(strange.every(({ outcome }) => outcome === 'pass')).toBe(true);
  const other = await minimal('wrong-decision');
  const results = await runAgentChecks(other.endpoint, 'documented', { clock: systemClock, timeoutMs: 300 });
  expect(results.find(({ id }) => id === 'decision-shape')).toMatchObject({ outcome: 'fail', level: 'must' });
});

test('an agent that does not speak a form is told once', async () => {
  const under = await minimal('silent');
  const results = await runAgentChecks(under.endpoint, 'documented', { clock: systemClock, timeoutMs: 150 });
  expect(results[0]).toMatchObject({ id: 'handshake-answer', outcome: 'fail' });
  expect(new Set(results.slice(1).map(({ outcome }) => outcome))).toEqual(new Set(['skip']));
});
