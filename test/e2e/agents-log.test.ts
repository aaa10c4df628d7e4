import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AgentDefinition, allow, defineAgent, serveAgent } from '@agentwire/agent';
import { createGateway, type RequestSummary } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, onTestFinished, test } from 'vitest';

type Line = Readonly<Record<string, unknown>>;

/** Sends four requests through a gateway with this agent. @returns the lines of the agent, and the ends of the requests */
async function fourRequests(handlers: Partial<AgentDefinition>): Promise<{ lines: Line[]; ends: RequestSummary[] }> {
  const lines: Line[] = [];
  const note = (fields: Line, message: string): void => void lines.push({ ...fields, message });
  const transport = createMemoryTransport();
  const agent = defineAgent({ name: 'seer', version: '1', ...handlers });
  const server = await serveAgent(agent, { transports: [transport], listen: ['memory:seer'] });
  const pool = new AgentPool({ transports: [transport], logger: { debug: note, info: note, warn: note, error: note } });
  await pool.addAgent('seer', 'memory:seer');
  const upstream = createServer((_request, response) => void response.end('ok'));
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const ends: RequestSummary[] = [];
  const gateway = createGateway({
    pool,
    upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    agents: ['seer'],
    onRequestEnd: (summary) => void ends.push(summary),
  });
  onTestFinished(async () => {
    await gateway.close();
    await pool.close();
    await server.close();
    upstream.closeAllConnections();
    await new Promise((resolve) => upstream.close(resolve));
  });
  const url = await gateway.listen({ port: 0 });
  for (const path of ['a', 'b', 'c', 'd']) await (await fetch(`${url}/${path}`)).text();
  await expect.poll(() => ends.length === 4 && lines.filter(({ message }) => message === 'seen').length).toBe(4);
  return { lines: lines.filter(({ message }) => message === 'seen'), ends };
}

const idsOf = (ends: readonly RequestSummary[]): unknown[] => ends.map(({ id }) => id);

test('a handler that logs each request has a line for each in the log of the gateway, with the id of its access log', async () => {
  const { lines, ends } = await fourRequests({
    onRequestHeaders(request, context) {
      context.log('info', 'seen', { path: request.path });
      return allow();
    },
  });
  expect(lines).toEqual(ends.map(({ id }, at) => ({ path: `/${'abcd'[at]}`, id, agent: 'seer', message: 'seen' })));
});

test('so do an agent that sees no heads of requests, and one whose request is over', async () => {
  const onResponse = await fourRequests({
    onResponseHeaders(_response, context) {
      context.log('warn', 'seen');
      return allow();
    },
  });
  expect(onResponse.lines.map(({ id }) => id)).toEqual(idsOf(onResponse.ends));
  const atEnd = await fourRequests({
    onRequestHeaders: () => allow(),
    onRequestComplete: (_summary, context) => void context.log('warn', 'seen'),
  });
  expect(atEnd.lines.map(({ id }) => id)).toEqual(idsOf(atEnd.ends));
});
