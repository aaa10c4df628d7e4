import cluster from 'node:cluster';
import { type GivenSocket, giveSocket } from '@agentwire/core/internal';
import type { ProcessMetrics } from '@agentwire/metrics/internal';

/** Variable of the environment with which the primary process starts a worker: its {@link WorkerStart} as JSON. */
export const WORKER_VARIABLE = 'AGENTWIRE_WORKER';

/** Settings that the primary process decides for all workers. */
export interface WorkerStart {
  /** Addresses to listen on, with the ports that were found for port 0. */
  readonly listen: readonly string[];
  /** Sockets of the primary process to listen on instead, by address. */
  readonly sockets: readonly (readonly [string, GivenSocket])[];
  /** Time between two messages that tell that this worker does not hang, in milliseconds; 0: none. */
  readonly beatIntervalMs: number;
}

/** Values of one worker. */
interface WorkerReport {
  /** State for `/debug/state`, as JSON text. */
  readonly state: string;
  /** Reasons for which it is not ready to serve; none when it is. */
  readonly unready: readonly string[];
}

/** Values that a worker is asked for, each by the message of that type. */
export interface WorkerValues {
  readonly report: WorkerReport;
  /** Metrics, which may be large: sent only for a page of them, and at the end. Empty where nothing is measured. */
  readonly metrics: ProcessMetrics;
}

/** Functions that read a worker's values. */
export type WorkerReaders = { readonly [Kind in keyof WorkerValues]: () => WorkerValues[Kind] };

/** Message of a worker to its primary process. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'alive' }
  | {
      readonly [Kind in keyof WorkerValues]: { readonly type: Kind; readonly values: WorkerValues[Kind] };
    }[keyof WorkerValues];

/** Message of the primary process to a worker. */
export type ToWorker = { readonly type: 'drain' | 'reopen' | keyof WorkerValues };

/** A worker's side of the channel to its primary process. */
export class WorkerLink {
  readonly start: WorkerStart;
  /** Fields of every log line of this process, which shares stderr with the other workers. */
  readonly logFields: { readonly worker: number | undefined } = { worker: cluster.worker?.id };
  /** Resolves when the primary process asks for a drain. */
  readonly asked: Promise<void>;
  #readers: WorkerReaders | undefined;
  #reopen: (() => void) | undefined;

  constructor(start: WorkerStart) {
    this.start = start;
    for (const [address, socket] of start.sockets) giveSocket(address, socket);
    this.asked = new Promise((resolve) => {
      process.on('message', ({ type }: ToWorker) => {
        if (type === 'drain') resolve();
        else if (type === 'reopen') this.#reopen?.();
        else this.#tell(type);
      });
    });
    // the primary process has ended, within the start of this one
    cluster.worker?.on('error', () => process.exit(1));
    // a rolling restart is the primary's; a terminal that hangs up sends this to all processes
    process.on('SIGHUP', () => undefined);
  }

  /** Tells the primary process that this worker serves. */
  ready(readers: WorkerReaders): void {
    this.#readers = readers;
    this.#send({ type: 'ready' });
    const { beatIntervalMs } = this.start;
    if (beatIntervalMs > 0) setInterval(() => this.#send({ type: 'alive' }), beatIntervalMs).unref();
  }

  /** Registers a function that opens log files again when the primary process asks for it. */
  onReopen(reopen: () => void): void {
    this.#reopen = reopen;
  }

  /** Sends the last values, and ends the channel so that the process can end. */
  end(): void {
    this.#tell('report');
    this.#tell('metrics');
    cluster.worker?.disconnect();
  }

  #tell(kind: keyof WorkerValues): void {
    if (this.#readers === undefined) return;
    if (kind === 'report') this.#send({ type: kind, values: this.#readers.report() });
    else this.#send({ type: kind, values: this.#readers.metrics() });
  }

  /** Sends a message. Without a primary process none is sent: this process ends with the channel. */
  #send(message: FromWorker): void {
    if (process.connected) process.send?.(message, undefined, {}, () => undefined);
  }
}

/** Opens the link of a process that `Workers` started; `undefined` in any other process. */
export function openWorkerLink(): WorkerLink | undefined {
  const start = process.env[WORKER_VARIABLE];
  if (start === undefined || !cluster.isWorker) return undefined;
  return new WorkerLink(JSON.parse(start) as WorkerStart);
}
