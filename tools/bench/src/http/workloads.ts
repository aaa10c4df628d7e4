import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type HttpLoad, loadHttp } from './load.ts';

/** Name of a workload: what the clients of a row do. */
export type WorkloadName = 'requests' | 'uploads' | 'downloads' | 'http2' | 'webSockets';

/** Clients and upstream of a proxy. */
export interface Workload {
  /** Program of the upstream, in `src/programs`. */
  readonly upstream: string;
  /** Loads a proxy. @param inFlight connections, or streams of HTTP/2 */
  readonly load: (url: string, inFlight: number, seconds: number) => Promise<HttpLoad>;
}

/** Path of one of the programs. */
export const program = (name: string): string => fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url));

/** Returns the load by one of the programs, which says what it measured in its last line. */
function loadBy(name: string): Workload['load'] {
  return async (url, inFlight, seconds) => {
    const args = [program(name), url, String(inFlight), String(seconds)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await once(child, 'close');
    return JSON.parse(output) as HttpLoad;
  };
}

/** Workloads by name. */
export const WORKLOADS: Readonly<Record<WorkloadName, Workload>> = {
  requests: { upstream: 'upstream', load: loadHttp },
  uploads: { upstream: 'body-upstream', load: loadBy('load-uploads') },
  downloads: { upstream: 'download-upstream', load: loadBy('load-downloads') },
  http2: { upstream: 'upstream', load: loadBy('load-http2') },
  webSockets: { upstream: 'web-socket-upstream', load: loadBy('load-web-sockets') },
};
