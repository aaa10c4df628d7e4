import { randomBytes } from 'node:crypto';
import type { RequestId } from '@agentwire/core';

/** Clients choose ids; who does not know this cannot choose ones that share a hash. */
const SECRET = randomBytes(8);
const SEED = SECRET.readInt32LE(0);
const MULTIPLIER = SECRET.readInt32LE(4) | 1;

function mix(from: number, text: string): number {
  let hash = from;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), MULTIPLIER);
  return hash ^ (hash >>> 15);
}

let lastProxy = '';
let seedOfLast = mix(SEED, lastProxy);

/** The hash of a request's id, for one proxy: a 32-bit integer. */
export function hashOfId(proxy: string, id: RequestId): number {
  if (proxy !== lastProxy) {
    lastProxy = proxy;
    seedOfLast = mix(SEED, proxy);
  }
  return mix(seedOfLast, String(id));
}
