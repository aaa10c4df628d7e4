import type { Outcome } from './cell/asked.ts';
import { monotonicMs } from './now.ts';

/** Questions at a steady rate. */
export interface Load {
  /** Asked so far. */
  readonly asked: number;
  /** Questions a second, so far. */
  readonly perSecond: number;
  /** Stops asking, and resolves to every outcome. */
  stop(): Promise<Outcome[]>;
}

/** Asks `perSecond` times a second, whether or not answers come. @param ask the question of that number */
export function startLoad(perSecond: number, ask: (n: number) => Promise<Outcome>): Load {
  const since = monotonicMs();
  const outcomes: Promise<Outcome>[] = [];
  let until: number | undefined;
  const timer = setInterval(() => {
    const due = Math.floor(((monotonicMs() - since) * perSecond) / 1000);
    // after a stall it goes on from now, for a burst would measure something else
    const burst = Math.min(due - outcomes.length, perSecond / 50);
    for (let at = 0; at < burst; at++) outcomes.push(ask(outcomes.length));
  }, 1);
  return {
    get asked() {
      return outcomes.length;
    },
    get perSecond() {
      return Math.round((outcomes.length * 1000) / ((until ?? monotonicMs()) - since));
    },
    stop() {
      until ??= monotonicMs();
      clearInterval(timer);
      return Promise.all(outcomes);
    },
  };
}
