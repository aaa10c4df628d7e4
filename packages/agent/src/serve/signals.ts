const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];

/**
 * Drains on the first SIGTERM or SIGINT, and calls `abort` on the second.
 *
 * @returns what takes the listeners away again
 */
export function drainOnSignals(server: { drain(): Promise<void> }, abort: () => void): () => void {
  let seen = false;
  const onSignal = (): void => {
    if (seen) return abort();
    seen = true;
    void server.drain();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return () => {
    for (const signal of SIGNALS) process.removeListener(signal, onSignal);
  };
}
