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

/** Side that loads. */
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
/** Duration of one round, after a warm-up of the same length. */
const SECONDS = 1;

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

const LOADS: readonly LoadName[] = ['ours', 'crate'];
const PAIRS = LOADS.flatMap((load) => AGENTS.map((agent) => ({ load, agent })));

/** The run in the middle by requests a second, with the errors of all. */
function median(rounds: readonly Speed[]): Speed {
  const sorted = rounds.toSorted((a, b) => a.requestsPerSecond - b.requestsPerSecond);
  const middle = sorted[Math.floor(sorted.length / 2)] as Speed;
  return { ...middle, errors: Object.assign({}, ...rounds.map(({ errors }) => errors)) as Speed['errors'] };
}

/**
 * Measures {our load, the crate's} × {our agent, the crate's} over each medium: the four one after the other, in several
 * rounds, so that what else the machine does hits all alike; the median of each counts.
 */
export async function measureSpeed(quick: boolean): Promise<Speed[]> {
  const depths = quick ? [64] : [1, 64, 256];
  const rounds = quick ? 1 : 3;
  const pin = await pinning();
  const folder = mkdtempSync(join(tmpdir(), 'aw-speed-'));
  const speeds: Speed[] = [];
  try {
    for (const medium of MEDIA) {
      const start = (name: AgentName): ReturnType<typeof startAgent> =>
        startAgent([...pin(0), ...agentCommand(name, medium, join(folder, `${medium}-${name}.sock`))], 1);
      const agents = { ours: await start('ours'), crate: await start('crate') };
      for (const inFlight of depths) {
        const taken: Speed[] = [];
        for (let round = 0; round < rounds; round++) {
          for (const { load, agent } of PAIRS) {
            const command = loadCommand(load, medium, agents[agent].endpoints[0] ?? '', inFlight, SECONDS);
            taken.push({ medium, load, agent, inFlight, ...(await measure([...pin(1), ...command])) });
          }
        }
        for (const { load, agent } of PAIRS)
          speeds.push(median(taken.filter((one) => one.load === load && one.agent === agent)));
      }
      await Promise.all([agents.ours.stop(), agents.crate.stop()]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return speeds;
}
