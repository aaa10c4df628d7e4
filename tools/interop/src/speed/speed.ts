import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startAgent } from '../agents/agent-process.ts';
import { has } from '../builds/build.ts';
import { AGENTWIRE } from '../builds/paths.ts';
import { crateProgram } from '../builds/rust.ts';
import { type AgentName, AGENTS, MEDIA } from '../judge/cell.ts';
import { agentCommand, encodingOf } from '../matrix.ts';
import type { Medium } from '../scenarios/expected.ts';

/** Who loads. */
export type LoadName = 'ours' | 'crate';

/** One measurement. */
export interface Speed {
  readonly medium: Medium;
  readonly load: LoadName;
  readonly agent: AgentName;
  readonly inFlight: number;
  readonly requestsPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly errors: Readonly<Record<string, number>>;
}

const run = promisify(execFile);

/** The agent on one core and the load on another, where there are two and `taskset` is there. */
async function pinning(): Promise<(core: number) => readonly string[]> {
  if (!(await has('taskset'))) return () => [];
  return (core) => ['taskset', '-c', String(core)];
}

function loadCommand(load: LoadName, medium: Medium, endpoint: string, inFlight: number, seconds: number): string[] {
  const encoding = encodingOf(medium);
  const shared = ['--in-flight', String(inFlight), '--seconds', String(seconds)];
  if (load === 'ours')
    return [process.execPath, AGENTWIRE, 'bench', endpoint, '--json', '--encoding', encoding, ...shared];
  const where = medium === 'grpc' ? ['--grpc', endpoint] : ['--uds', endpoint.slice('unix:'.length)];
  return [crateProgram('load', encoding), ...where, ...shared, '--warmup-seconds', String(Math.min(2, seconds))];
}

async function measure(command: readonly string[]): Promise<Pick<Speed, 'requestsPerSecond' | 'latencyMs' | 'errors'>> {
  const [program = '', ...args] = command;
  const { stdout } = await run(program, args, { timeout: 60_000 });
  const { requestsPerSecond, latencyMs, errors } = JSON.parse(stdout) as Speed;
  return { requestsPerSecond: Math.round(requestsPerSecond), latencyMs, errors };
}

/** Measures {our load, the crate's} × {our agent, the crate's} over each medium, one after the other. */
export async function measureSpeed(quick: boolean): Promise<Speed[]> {
  const depths = quick ? [64] : [1, 64, 256];
  const seconds = quick ? 1 : 2;
  const pin = await pinning();
  const folder = mkdtempSync(join(tmpdir(), 'aw-speed-'));
  const speeds: Speed[] = [];
  try {
    for (const medium of MEDIA) {
      for (const name of AGENTS) {
        const command = agentCommand(name, medium, join(folder, `${medium}-${name}.sock`));
        const agent = await startAgent([...pin(0), ...command], 1);
        const endpoint = agent.endpoints[0] ?? '';
        for (const load of ['ours', 'crate'] as const) {
          for (const inFlight of depths) {
            const loading = [...pin(1), ...loadCommand(load, medium, endpoint, inFlight, seconds)];
            speeds.push({ medium, load, agent: name, inFlight, ...(await measure(loading)) });
          }
        }
        await agent.stop();
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return speeds;
}
