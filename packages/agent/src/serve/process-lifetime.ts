import { MessageChannel } from 'node:worker_threads';

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];

/**
 * Drains on the first SIGTERM or SIGINT, and calls `abort` on the second.
 *
 * @returns function that removes the listeners
 */
export function drainOnSignals(server: { drain(): Promise<void> }, abort: () => void): () => void {
  let received = false;
  const onSignal = (): void => {
    if (received) return abort();
    received = true;
    void server.drain();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
}

/**
 * Keeps the process running while an agent has no connection yet: its timers between attempts do not, because timers of
 * agentwire never keep a process alive.
 *
 * @returns function that lets the process end again; idempotent
 */
export function keepProcessAlive(): () => void {
  const { port1 } = new MessageChannel();
  port1.ref();
  return () => port1.close();
}
