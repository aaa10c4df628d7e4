import { randomBytes } from 'node:crypto';
import { encodeToken } from './subject-token.ts';
import type { TopicPlace } from './wire.ts';

const MAX_TOPICS = 100_000;

/** Numbers what this node publishes on each topic, and counts the gaps in what others published. */
export class TopicLosses {
  readonly #published = new Map<string, { readonly epoch: string; sequence: number }>();
  readonly #received = new Map<string, number>();
  readonly #start = randomBytes(6).toString('hex');
  #epochs = 0;
  #lost = 0;

  /** Messages that other nodes published on topics that this node listens to, and that did not come. */
  get lost(): number {
    return this.#lost;
  }

  /** The place of the next message on a topic. */
  next(topic: string): TopicPlace {
    let place = this.#published.get(topic);
    if (place === undefined) {
      forgetOldest(this.#published);
      this.#epochs += 1;
      place = { epoch: `${this.#start}-${this.#epochs}`, sequence: 0 };
      this.#published.set(topic, place);
    }
    place.sequence += 1;
    return { epoch: place.epoch, sequence: place.sequence };
  }

  /** Takes the last place back, for a message that did not leave. */
  takeBack(topic: string): void {
    const place = this.#published.get(topic);
    if (place !== undefined) place.sequence -= 1;
  }

  /**
   * Notes what came from a node on a topic, and gives how many are missing before it; undefined for a copy.
   *
   * Copies come when several patterns of this node fetch the same message: what has a place is taken once.
   */
  note(source: string, topic: string, place: TopicPlace): number | undefined {
    const key = `${place.epoch} ${encodeToken(source)} ${topic}`;
    const known = this.#received.get(key);
    if (known === undefined) {
      forgetOldest(this.#received);
      this.#received.set(key, place.sequence);
      return 0;
    }
    if (place.sequence <= known) return undefined;
    const missing = place.sequence - known - 1;
    this.#received.set(key, place.sequence);
    this.#lost += missing;
    return missing;
  }

  /** Begins to listen anew: messages that were missed without a subscription here are no loss. */
  forget(matches: (topic: string) => boolean): void {
    for (const key of this.#received.keys()) {
      if (matches(key.slice(key.indexOf(' ', key.indexOf(' ') + 1) + 1))) this.#received.delete(key);
    }
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size < MAX_TOPICS) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
