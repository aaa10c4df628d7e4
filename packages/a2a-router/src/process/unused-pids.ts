import { AgentwireError } from '@agentwire/core';

/** Ranges of pids that were passed over and may still be chosen; past that many the oldest range counts as used. */
const MAX_GAPS = 1000;

interface Gap {
  from: number;
  to: number;
}

/** The pids that no process ever had. Ranges are kept, not pids, so that the memory is bounded and no pid comes twice. */
export class UnusedPids {
  readonly #gaps: Gap[] = [];
  #next = 1;

  /** Gives the next free pid, which is then used; throws `ERR_OVERLOADED` when there is none left. */
  take(): number {
    if (this.#next <= Number.MAX_SAFE_INTEGER) {
      const pid = this.#next;
      this.#next += 1;
      return pid;
    }
    const gap = this.#gaps[0];
    if (gap === undefined) throw new AgentwireError('ERR_OVERLOADED', 'every pid has been used');
    const pid = gap.from;
    this.use(pid);
    return pid;
  }

  /** Tells whether no process ever had a pid. */
  has(pid: number): boolean {
    return pid >= this.#next || this.#gaps.some(({ from, to }) => pid >= from && pid <= to);
  }

  /** Marks an unused pid as used. */
  use(pid: number): void {
    if (pid >= this.#next) {
      if (pid > this.#next) this.#add({ from: this.#next, to: pid - 1 });
      this.#next = pid + 1;
      return;
    }
    const at = this.#gaps.findIndex(({ from, to }) => pid >= from && pid <= to);
    const gap = this.#gaps[at];
    if (gap === undefined) return;
    const left = { from: gap.from, to: pid - 1 };
    const right = { from: pid + 1, to: gap.to };
    this.#gaps.splice(at, 1, ...[left, right].filter(({ from, to }) => from <= to));
  }

  #add(gap: Gap): void {
    this.#gaps.push(gap);
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift();
  }
}
