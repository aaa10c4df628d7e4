import type { Question } from '../question.ts';
import { type Candidate, leastPending, type LoadBalanceStrategy } from './strategy.ts';

/** Returns the client's address, as the head of the request has it. */
function clientIpOf(event: Question): string | undefined {
  return event.type === 'requestHeaders' ? event.metadata?.clientIp : undefined;
}

/** Returns a number of 32 bits for a text (FNV-1a). */
function hashOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01_00_01_93);
  return hash;
}

/** Mixes two numbers to one of 32 bits in which each of their bits counts (the finalizer of MurmurHash 3). */
function mix(hash: number, id: number): number {
  let mixed = hash ^ Math.imul(id, 0x9e_37_79_b1);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85_eb_ca_6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2_b2_ae_35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Returns the candidate with the highest score for a hash. */
function highest<T extends Candidate>(candidates: readonly T[], hash: number): T {
  let best = candidates[0] as T;
  let most = -1;
  for (let at = 0; at < candidates.length; at += 1) {
    const candidate = candidates[at] as T;
    const score = mix(hash, candidate.id);
    if (score <= most) continue;
    best = candidate;
    most = score;
  }
  return best;
}

/**
 * Usable connection by the hash of a key (rendezvous hashing): equal keys go to the same connection while it can take requests; when it
 * cannot, its keys are spread over the others, whose own keys stay. An event without a key goes to the connection with the fewest unanswered
 * events.
 *
 * @param key returns the key of a request's first event; default the client's address
 */
export function consistentHash(key: (event: Question) => string | undefined = clientIpOf): LoadBalanceStrategy {
  return {
    pick(candidates, event) {
      const text = key(event);
      return text === undefined ? leastPending(candidates) : highest(candidates, hashOf(text));
    },
    prefer(all, event) {
      const text = key(event);
      return text === undefined ? undefined : highest(all, hashOf(text));
    },
  };
}
