import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transport } from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { startAgent } from './agents/agent-process.ts';
import { AGENTWIRE } from './builds/paths.ts';
import { crateProgram } from './builds/rust.ts';
import { type AgentName, type Cell, isCrate, isReverse, type Played } from './judge/cell.ts';
import type { Outcome } from './outcome/outcome.ts';
import { playCrateProxy, readEntry } from './proxies/crate-proxy.ts';
import { playAll } from './proxies/play-all.ts';
import { playReverse } from './reverse.ts';
import { connectPoolPeer } from './proxies/pool-peer.ts';
import { connectSessionPeer } from './proxies/session-peer.ts';
import type { Medium } from './scenarios/expected.ts';

/** The encoding that a medium is named after; gRPC has one of its own. */
export function encodingOf(medium: Medium): 'json' | 'msgpack' {
  return medium === 'uds-msgpack' ? 'msgpack' : 'json';
}

/** Command that starts the reference agent. */
export function agentCommand(agent: AgentName, medium: Medium, socket: string): string[] {
  const grpc = medium === 'grpc';
  if (agent === 'ours')
    return [
      process.execPath,
      AGENTWIRE,
      'agent',
      'reference',
      '--listen',
      grpc ? 'grpc://127.0.0.1:0' : `unix:${socket}`,
    ];
  return [crateProgram('agent', encodingOf(medium)), ...(grpc ? ['--grpc', '127.0.0.1:0'] : ['--uds', socket])];
}

/** The transport that reaches a medium's agents. */
export function transportOf(medium: Medium): Transport {
  return medium === 'grpc' ? createGrpcTransport() : createUdsTransport();
}

async function outcomesOf({ proxy, medium }: Cell, endpoint: string): Promise<Outcome[]> {
  const encoding = encodingOf(medium);
  if (isCrate(proxy)) {
    const entries = await playCrateProxy(crateProgram('proxy', encoding), endpoint, proxy === 'crate-pool');
    return entries.map(readEntry);
  }
  const transport = transportOf(medium);
  const connect = proxy === 'session' ? connectSessionPeer : connectPoolPeer;
  return playAll(() => connect(transport, endpoint, encoding));
}

async function playCell(cell: Cell, socket: string): Promise<Played> {
  if (isReverse(cell.proxy)) return { ...cell, outcomes: await playReverse(cell, socket) };
  const agent = await startAgent(agentCommand(cell.agent, cell.medium, socket), 1);
  try {
    return { ...cell, outcomes: await outcomesOf(cell, agent.endpoints[0] ?? '') };
  } finally {
    await agent.stop();
  }
}

/** Tests whether two cells are the same. */
export function isSame(a: Cell, b: Cell): boolean {
  return a.medium === b.medium && a.proxy === b.proxy && a.agent === b.agent;
}

/** Most fields that are played at a time: they wait for deadlines most of the time. */
const AT_A_TIME = 4;

/** Does `work` for every item, so many at a time, and keeps the order. */
export async function inParallel<T, R>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++)
      results[index] = await work(items[index] as T, index);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return results;
}

/**
 * Plays every field, each with an agent of its own, several at a time.
 *
 * @param differs which fields differ from what is expected; they are played once more, each alone, because deadlines pass on
 * a busy machine. What they gave then is what counts.
 */
export async function playMatrix(
  cells: readonly Cell[],
  differs: (all: readonly Played[]) => readonly Cell[],
): Promise<{ readonly played: Played[]; readonly again: readonly Cell[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'aw-interop-'));
  try {
    const played = await inParallel(cells, (cell, index) => playCell(cell, join(folder, `${index}.sock`)));
    const again = differs(played);
    for (const [index, cell] of again.entries()) {
      const at = played.findIndex((one) => isSame(one, cell));
      played[at] = await playCell(cell, join(folder, `again-${index}.sock`));
    }
    return { played, again };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
