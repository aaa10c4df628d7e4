import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { serveAgent } from '@agentwire/agent';
import { createUdsTransport } from '@agentwire/transport-uds';
import { versionOne } from '@agentwire/v1';
import reference from '../../../../packages/cli/src/agents/reference.ts';
import { startAgent } from '../agents/agent-process.ts';
import { versionOneProgram } from '../builds/rust.ts';
import type { Outcome } from '../outcome/outcome.ts';
import { type CrateEntry, readEntry } from '../proxies/crate-proxy.ts';
import type { Side, VersionOneCell, VersionOnePlayed } from './cell.ts';
import { Lines } from './lines.ts';
import { VERSION_ONE_SCENARIOS } from './scenarios.ts';

const run = promisify(execFile);

/** Serves the reference agent at a socket. @returns how to end it */
async function serve(agent: Side, path: string): Promise<() => Promise<void>> {
  if (agent === 'crate') {
    const program = await startAgent([versionOneProgram('agent'), '--uds', path], 1);
    return () => program.stop();
  }
  const transports = [createUdsTransport({ versionOne })];
  const server = await serveAgent(reference, { transports, listen: [`unix:${path}`] });
  return () => server.close();
}

async function playOurs(path: string): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const scenario of VERSION_ONE_SCENARIOS) {
    const lines = new Lines(path, scenario.name);
    try {
      await scenario.play(lines, `ours-${scenario.name}`);
    } catch (error) {
      lines.note('play', { error: (error as Error).message });
    }
    await lines.close();
    outcomes.push(...lines.outcomes);
  }
  return outcomes;
}

async function playCrate(path: string): Promise<Outcome[]> {
  const { stdout } = await run(versionOneProgram('proxy'), ['--uds', path], {
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  });
  return (JSON.parse(stdout) as CrateEntry[]).map(readEntry);
}

async function playCell(cell: VersionOneCell, path: string): Promise<VersionOnePlayed> {
  const stop = await serve(cell.agent, path);
  try {
    return { ...cell, outcomes: await (cell.proxy === 'ours' ? playOurs(path) : playCrate(path)) };
  } finally {
    await stop();
  }
}

/**
 * Plays every scenario of version 1 with every pair, one after the other.
 *
 * @param differs whether a pair gave something else than is expected; it is played once more then, because deadlines pass on a
 * busy machine
 */
export async function playVersionOne(
  cells: readonly VersionOneCell[],
  differs: (played: readonly VersionOnePlayed[], cell: VersionOneCell) => boolean,
): Promise<readonly VersionOnePlayed[]> {
  const folder = mkdtempSync(join(tmpdir(), 'aw-interop-v1-'));
  try {
    const played: VersionOnePlayed[] = [];
    for (const [index, cell] of cells.entries()) played.push(await playCell(cell, join(folder, `${index}.sock`)));
    for (const [index, cell] of cells.entries())
      if (differs(played, cell)) played[index] = await playCell(cell, join(folder, `again-${index}.sock`));
    return played;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
