import { allow, defineAgent, serveAgent } from '@agentwire/agent';
import { AgentwireError } from '@agentwire/core';
import type { Cell } from '../cell/cell.ts';
import { headers, numberOf } from '../cell/events.ts';
import { onlyReverse, register, startProxy, TOKEN, transportOf } from '../reverse/proxy.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const OWN = 'the-token-of-b';

async function run(cell: Cell): Promise<Verdict> {
  const tokens = { 'a-*': TOKEN, 'b-*': OWN };
  const proxy = await startProxy(cell, { tokens, maxConnectionsPerAgent: 1, refusalDelayMs: 1 });
  const { pool, listener, address } = proxy;
  const transport = transportOf(cell.column);
  const agent = defineAgent({ name: 'own', version: '1', onRequestHeaders: () => allow().withTag('n:own') });
  const server = await serveAgent(agent, {
    transports: [transport],
    reverse: [{ address, agentId: 'a-1', token: TOKEN, connections: 1 }],
  });
  cell.defer(() => server.close());
  const why: string[] = [];
  if (!(await waitUntil(() => listener.connectionCount === 1, 5_000))) why.push('the agent did not register');
  let asked = 0;
  const check = async (when: string): Promise<void> => {
    const question = pool.request('a-1', { ...headers('/'), id: `v3-${(asked += 1)}` }, { timeoutMs: 5_000 });
    const { decision, error } = await cell.asked.follow(question, 5_000);
    if (numberOf(decision) !== 'own') why.push(`${when}: the agent's answer is ${error?.code ?? 'another'}`);
  };
  const attempt = async (name: string, id: string, token: string | null, code: string, text: RegExp): Promise<void> => {
    try {
      (await register(transport, address, id, token)).abort();
      why.push(`${name} was accepted`);
    } catch (error) {
      const { code: got, message } = error as AgentwireError;
      if (got !== code || !text.test(message)) why.push(`${name} got ${got}: ${message}`);
    }
    await check(name);
  };
  const same = /^this agent may not register here: wrong id or credential$|: this agent may not register here/;
  await check('before');
  await attempt("another agent's token", 'a-1', OWN, 'ERR_UNAUTHORIZED', same);
  await attempt('no token', 'a-1', null, 'ERR_UNAUTHORIZED', same);
  await attempt('an id like it', 'A-1', TOKEN, 'ERR_UNAUTHORIZED', same);
  // a peer with its token is the agent; its connections are limited
  await attempt('the same agent once more', 'a-1', TOKEN, 'ERR_OVERLOADED', /has 1 connections, the limit is 1/);
  if (JSON.stringify([...listener.connectionsByAgent]) !== '[["a-1",1]]')
    why.push(`counted are ${JSON.stringify([...listener.connectionsByAgent])}`);
  const taken = await register(transport, address, 'b-1', OWN);
  if (pool.getHealth('a-1').healthyConnections !== 1) why.push('another id changed the agent');
  taken.abort();
  return verdict('4 attempts', why);
}

/** A peer registers as an agent that is there. */
export const takeover: Row = {
  id: 'V3',
  fault: "takeover: registering under another agent's id",
  must: 'refused; the agent goes on answering, nothing of it changes',
  notApplicable: onlyReverse,
  run,
};
