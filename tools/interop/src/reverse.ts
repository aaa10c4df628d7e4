import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '@agentwire/core';
import { createAgentPool } from '@agentwire/pool';
import { ReverseConnectionListener } from '@agentwire/reverse-listener';
import { createUdsTransport } from '@agentwire/transport-uds';
import { startAgent } from './agents/agent-process.ts';
import { AGENTWIRE } from './builds/paths.ts';
import { crateProgram } from './builds/rust.ts';
import type { Cell } from './judge/cell.ts';
import type { Outcome } from './outcome/outcome.ts';
import { playCrateReverse, readEntry, REVERSE_TOKEN } from './proxies/crate-proxy.ts';
import { ANSWER_TIMEOUT_MS } from './proxies/peer.ts';
import { playAll } from './proxies/play-all.ts';
import { poolPeer } from './proxies/pool-peer.ts';
import { registerFor } from './proxies/registrar.ts';

const AGENT = 'reference';
const READY_MS = 10_000;

/** Plays a field in which the agent registers with the proxy. @param socket free path; further ones begin with it */
export async function playReverse({ proxy, agent, medium }: Cell, socket: string): Promise<Outcome[]> {
  const encoding = medium === 'uds-msgpack' ? 'msgpack' : 'json';
  const ends: (() => unknown)[] = [];
  const dial = async (): Promise<void> => {
    if (agent === 'ours') {
      const tokenFile = `${socket}.token`;
      writeFileSync(tokenFile, REVERSE_TOKEN);
      const words = ['agent', 'reference', '--listen', `unix:${socket}.own`, '--reverse', `unix:${socket}`];
      const ours = await startAgent([process.execPath, AGENTWIRE, ...words, '--token-file', tokenFile], 1);
      ends.push(() => ours.stop());
    } else {
      const path = `${socket}.crate`;
      const theirs = await startAgent([crateProgram('agent', encoding), '--uds', path], 1);
      ends.push(() => theirs.stop());
      ends.push(await registerFor(path, socket, encoding, 4));
    }
  };
  try {
    if (proxy === 'crate-reverse')
      return (await playCrateReverse(crateProgram('proxy', encoding), socket, dial)).map(readEntry);
    return await playOurs(socket, encoding, dial, ends);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

async function playOurs(
  socket: string,
  encoding: string,
  dial: () => Promise<void>,
  ends: (() => unknown)[],
): Promise<Outcome[]> {
  const pool = createAgentPool({ requestTimeoutMs: ANSWER_TIMEOUT_MS, encodings: [encoding], name: 'interop' });
  ends.push(() => pool.close());
  const listener = await ReverseConnectionListener.bindUds(socket, {
    transports: [createUdsTransport()],
    tokens: { [AGENT]: REVERSE_TOKEN },
  });
  ends.push(() => listener.close());
  const registered: Connection[] = [];
  void listener.acceptLoop({
    adopt(connection, name) {
      const handler = pool.adopt(connection, name);
      registered.push(connection);
      return handler;
    },
  });
  await dial();
  return playAll(async () => {
    // an agent that lost its connections comes back first
    const until = performance.now() + READY_MS;
    while (registered.at(-1)?.status !== 'open' && performance.now() < until) await sleep(10);
    const last = registered.at(-1);
    if (last === undefined) throw new Error('no agent has registered');
    return poolPeer(pool, AGENT, last, () => Promise.resolve());
  });
}
