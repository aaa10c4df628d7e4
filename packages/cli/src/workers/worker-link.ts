import cluster from 'node:cluster';

/** Variable of the environment with which the primary process starts a worker: its {@link WorkerStart} as JSON. */
export const WORKER_VARIABLE = 'AGENTWIRE_WORKER';

/** Settings that the primary process decides for all workers. */
export interface WorkerStart {
  /** Addresses to listen on, with the ports that were found for port 0. */
  readonly listen: readonly string[];
}

/** Values of one worker. */
export interface WorkerReport {
  /** State for `/debug/state`, as JSON text. */
  readonly state: string;
  /** Reasons for which it is not ready to serve; none when it is. */
  readonly unready: readonly string[];
}

/** Message of a worker to its primary process. */
export type FromWorker = { readonly type: 'ready' } | { readonly type: 'report'; readonly report: WorkerReport };

/** Message of the primary process to a worker. */
export type ToWorker = { readonly type: 'drain' | 'report' | 'reopen' };

/** A worker's side of the channel to its primary process. */
export class WorkerLink {
  readonly start: WorkerStart;
  /** Resolves when the primary process asks for a drain. */
  readonly asked: Promise<void>;
  #report: (() => WorkerReport) | undefined;
  #reopen: (() => void) | undefined;

  constructor(start: WorkerStart) {
    this.start = start;
    this.asked = new Promise((resolve) => {
      process.on('message', ({ type }: ToWorker) => {
        if (type === 'drain') resolve();
        else if (type === 'reopen') this.#reopen?.();
        else this.#tell();
      });
    });
    // the primary process has ended, within the start of this one
    cluster.worker?.on('error', () => process.exit(1));
    // a rolling restart is the primary's; a terminal that hangs up sends this to all processes
    process.on('SIGHUP', () => undefined);
  }

  /** Tells the primary process that this worker serves. @param report reads its values */
  ready(report: () => WorkerReport): void {
    this.#report = report;
    this.#send({ type: 'ready' });
  }

  /** Registers a function that opens log files again when the primary process asks for it. */
  onReopen(reopen: () => void): void {
    this.#reopen = reopen;
  }

  /** Sends the last values, and ends the channel so that the process can end. */
  end(): void {
    this.#tell();
    cluster.worker?.disconnect();
  }

  #tell(): void {
    if (this.#report !== undefined) this.#send({ type: 'report', report: this.#report() });
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
