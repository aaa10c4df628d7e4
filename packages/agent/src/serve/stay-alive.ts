import { MessageChannel } from 'node:worker_threads';

/**
 * Keeps the process running while an agent has no connection yet: waits between attempts do not, because timers here
 * never keep a process alive.
 *
 * @returns what lets the process end again; idempotent
 */
export function stayAlive(): () => void {
  const { port1 } = new MessageChannel();
  port1.ref();
  return () => port1.close();
}
