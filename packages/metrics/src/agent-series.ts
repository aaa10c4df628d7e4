/** Series that the reports of one agent may have on a page, over all of its processes. */
export const MAX_AGENT_SERIES = 1_000;
/** Series that are held for one agent: each counts once for each process that reports it. */
export const MAX_HELD_SERIES = 10_000;

/** Series that the processes of one agent report, by name and labels. */
export class AgentSeries {
  readonly #holders = new Map<string, number>();
  #held = 0;

  /** Number on the page, where those of several processes are one. */
  get size(): number {
    return this.#holders.size;
  }

  get held(): number {
    return this.#held;
  }

  /** Adds that of one process. @param room for the agent on the page @returns `false` for one that is past a bound */
  add(key: string, room: number): boolean {
    const holders = this.#holders.get(key) ?? 0;
    if (this.#held >= MAX_HELD_SERIES) return false;
    if (holders === 0 && this.size >= Math.min(MAX_AGENT_SERIES, room)) return false;
    this.#holders.set(key, holders + 1);
    this.#held += 1;
    return true;
  }

  /** Removes that of one process. */
  delete(key: string): void {
    const holders = this.#holders.get(key);
    if (holders === undefined) return;
    this.#held -= 1;
    if (holders === 1) this.#holders.delete(key);
    else this.#holders.set(key, holders - 1);
  }
}
