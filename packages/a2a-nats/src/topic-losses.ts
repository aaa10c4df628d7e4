import { randomBytes } from 'node:crypto';
import type { TopicPlace } from './wire.ts';

const MAX_TOPICS = 100_000;

/** Numbers what this node publishes on each topic, and counts the gaps in what others published. */
export class TopicLosses {
  readonly #published = new Map<string, { readonly epoch: string; sequence: number }>();
  /** Last places, by topic and then by publisher. */
  readonly #received = new Map<string, Map<string, number>>();
  #count = 0;
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
    const publishers = this.#publishersOf(topic);
    const key = `${place.epoch} ${source}`;
    const known = publishers.get(key);
    if (known === undefined) this.#count += 1;
    else if (place.sequence <= known) return undefined;
    publishers.set(key, place.sequence);
    const missing = known === undefined ? 0 : place.sequence - known - 1;
    this.#lost += missing;
    return missing;
  }

  /** Begins to count a topic anew: messages that were missed without a subscription here are no loss. */
  forget(topic: string): void {
    this.#count -= this.#received.get(topic)?.size ?? 0;
    this.#received.delete(topic);
  }

  /** Begins to count every topic anew that is not covered. */
  forgetUnless(isCovered: (topic: string) => boolean): void {
    for (const topic of this.#received.keys()) if (!isCovered(topic)) this.forget(topic);
  }

  #publishersOf(topic: string): Map<string, number> {
    for (const oldest of this.#count < MAX_TOPICS ? [] : this.#received.keys()) {
      this.forget(oldest);
      break;
    }
    let publishers = this.#received.get(topic);
    if (publishers === undefined) {
      publishers = new Map();
      this.#received.set(topic, publishers);
    }
    return publishers;
  }
}

function forgetOldest(map: Map<string, unknown>): void {
  if (map.size < MAX_TOPICS) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
