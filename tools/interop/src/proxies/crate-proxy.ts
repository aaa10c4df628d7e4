import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { Outcome, Seen } from '../outcome/outcome.ts';
import { effectOf, type WireDecision } from '../outcome/wire-decision.ts';
import { SCENARIOS } from '../scenarios/scenarios.ts';

/** One entry of what the crate's `proxy` program prints. */
export interface CrateEntry {
  readonly scenario: string;
  readonly step: string;
  readonly ok: boolean;
  readonly decision?: WireDecision;
  readonly value?: unknown;
  readonly error?: string;
}

const NUMBERS: Readonly<Record<string, number>> = {
  request_headers: 1,
  request_body_chunk: 2,
  response_headers: 3,
  response_body_chunk: 4,
  request_complete: 5,
  web_socket_frame: 6,
  guardrail_inspect: 7,
  configure: 8,
};

function readValue(step: string, value: unknown): unknown {
  if (step === 'handshake') {
    const { capabilities, encoding } = value as {
      capabilities: { name: string; supported_events: string[] };
      encoding?: string | null;
    };
    const events = capabilities.supported_events.map((name) => NUMBERS[name] ?? 0);
    return { agent: capabilities.name, events, encoding: encoding ?? null };
  }
  if (step.startsWith('health')) {
    const { is_connected: client, is_agent_healthy: pool } = value as Record<string, boolean>;
    return { connected: client ?? pool };
  }
  if (step === 'request_headers') {
    const counts = Object.entries(value as Record<string, number>);
    return Object.fromEntries(counts.map(([text, count]) => [canonicalCount(text), count]));
  }
  return value ?? null;
}

/** `URI: DECISION` of many requests at once, the decision written as ours are. */
function canonicalCount(text: string): string {
  const at = text.indexOf(': ');
  try {
    const decision: unknown = JSON.parse(text.slice(at + 2));
    return `${text.slice(0, at)}: ${JSON.stringify(effectOf({ decision }).verdict)}`;
  } catch {
    return text;
  }
}

function sentBy(scenario: string, step: string): string | undefined {
  const [, index] = /_body_chunk (\d+)$/.exec(step) ?? [];
  const part = SCENARIOS.find(({ name }) => name === scenario)?.parts?.[Number(index)];
  return part === undefined ? undefined : Buffer.from(part).toString('latin1');
}

/** Writes what the crate saw as ours is written. */
export function readEntry(entry: CrateEntry): Outcome {
  const { scenario, step, decision, error, value } = entry;
  let seen: Seen;
  if (error !== undefined) seen = { error };
  else if (decision !== undefined) seen = { effect: effectOf(decision, sentBy(scenario, step)) };
  else seen = { value: readValue(step, value) };
  return { scenario, step, seen };
}

const run = promisify(execFile);
/** Token that agents register with. */
export const REVERSE_TOKEN = 'interop-token';

/** Plays every scenario through the crate's pool, with agents that register at `path`. @param dial starts one, once it listens */
export async function playCrateReverse(
  binary: string,
  path: string,
  dial: () => Promise<unknown>,
): Promise<CrateEntry[]> {
  const playing = run(binary, ['--reverse', path, '--token', REVERSE_TOKEN], {
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  });
  playing.catch(() => undefined);
  await once(createInterface({ input: playing.child.stderr as Readable }), 'line');
  await dial();
  return JSON.parse((await playing).stdout) as CrateEntry[];
}

/**
 * Plays every scenario through the crate's client or pool.
 *
 * @param binary path of the program `proxy`
 */
export async function playCrateProxy(binary: string, endpoint: string, pool: boolean): Promise<CrateEntry[]> {
  const where = endpoint.startsWith('unix:')
    ? ['--uds', endpoint.slice('unix:'.length)]
    : ['--grpc', endpoint.replace('grpc:', 'http:')];
  const { stdout } = await run(binary, [...where, ...(pool ? ['--pool'] : [])], {
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  });
  return JSON.parse(stdout) as CrateEntry[];
}
