import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { hasProgram } from '../run/processes.ts';

/** Result of a load program. */
export interface HttpLoad {
  /** Requests that were answered. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Requests that failed or had another status than 2xx. */
  readonly failed: number;
}

/** Tests for wrk; autocannon comes with the repository, but takes much of a core and measures whole milliseconds only. */
export const HAS_WRK: boolean = hasProgram('wrk');

const UNITS: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 };

function share(output: string, percent: number): number {
  const [, value = '0', unit = 'ms'] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? [];
  return Number(value) * (UNITS[unit] ?? 1);
}

function fromWrk(output: string): HttpLoad {
  const requestsPerSecond = Math.round(Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? 0));
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output)?.slice(1) ?? [];
  const failed = sockets.reduce((sum, count) => sum + Number(count), bad);
  const requests = Number(/(\d+) requests in /.exec(output)?.[1] ?? 0);
  return { requests, requestsPerSecond, p50Ms: share(output, 50), p99Ms: share(output, 99), failed };
}

interface AutocannonResult {
  readonly requests: { readonly average: number; readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly errors: number;
  readonly non2xx: number;
}

function fromAutocannon(output: string): HttpLoad {
  const { requests, latency, errors, non2xx } = JSON.parse(output) as AutocannonResult;
  return {
    requests: requests.total,
    requestsPerSecond: Math.round(requests.average),
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed: errors + non2xx,
  };
}

/** Loads a server with `connections` that each wait for their answer before they ask again. */
export async function loadHttp(url: string, connections: number, seconds: number): Promise<HttpLoad> {
  const whole = String(Math.ceil(seconds));
  const [program, ...args] = HAS_WRK
    ? ['wrk', '-t1', `-c${connections}`, `-d${whole}s`, '--latency', url]
    : [
        process.execPath,
        fileURLToPath(import.meta.resolve('autocannon')),
        '-j',
        '-c',
        String(connections),
        '-d',
        whole,
        url,
      ];
  const child = spawn(program ?? '', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  return HAS_WRK ? fromWrk(output) : fromAutocannon(output);
}
