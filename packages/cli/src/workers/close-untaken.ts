import type { ChildProcess } from 'node:child_process';

/** Message of node:cluster that gives a connection to a worker, and its answer. */
interface ClusterMessage {
  readonly act?: string;
  readonly seq?: number;
  readonly ack?: number;
}

/** Socket of node:cluster in the primary process; closing one twice does nothing. */
interface Handle {
  close?(): void;
}

/**
 * Closes the connections that a worker was given and has not confirmed when its process ends. node:cluster keeps them open
 * then: their clients would wait without an end for a process that is gone.
 */
export function closeUntaken(child: ChildProcess): void {
  const untaken = new Map<number, Handle>();
  const send = child.send.bind(child) as (...args: unknown[]) => boolean;
  child.send = (message: ClusterMessage, handle?: unknown, ...rest: unknown[]): boolean => {
    if (message.act === 'newconn' && message.seq !== undefined) untaken.set(message.seq, handle as Handle);
    return send(message, handle, ...rest);
  };
  child.on('internalMessage', ({ ack }: ClusterMessage) => {
    if (ack !== undefined) untaken.delete(ack);
  });
  child.on('exit', () => {
    for (const handle of untaken.values()) handle.close?.();
    untaken.clear();
  });
}
