import type { Pid } from '../process/pid.ts';

/** Ended requests that are remembered, so that a late answer which was made by hand is told from a message of its own. */
const KEPT = 1024;

/** Ids and askers of the requests that ended last: a ring, because a map with an entry for each request costs more than it. */
export class EndedRequests {
  readonly #ids: string[] = [];
  readonly #askers: Pid[] = [];
  #next = 0;

  /** Remembers a request in place of the one that ended the longest ago. */
  add(id: string, asker: Pid): void {
    this.#ids[this.#next] = id;
    this.#askers[this.#next] = asker;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** Tells whether a request of that id and asker is among the last 1024. */
  has(id: string, asker: Pid): boolean {
    for (let at = this.#ids.indexOf(id); at !== -1; at = this.#ids.indexOf(id, at + 1))
      if (this.#askers[at] === asker) return true;
    return false;
  }
}
