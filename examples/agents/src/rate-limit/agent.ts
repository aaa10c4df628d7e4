// Rate limit per client: a token bucket for each key, and a bounded number of buckets.
import { type Agent, allow, block, defineAgent, type IncomingRequest } from 'agentwire';

/** Requests that a client may send at once. */
const BURST = Number(process.env['RATE_BURST'] ?? 20);
const PER_SECOND = Number(process.env['RATE_PER_SECOND'] ?? 10);
const MAX_KEYS = Number(process.env['RATE_MAX_KEYS'] ?? 100_000);

interface Bucket {
  tokens: number;
  /** Time of the last refill, in milliseconds of the monotonic clock. */
  refilledAt: number;
}

/** Buckets, the least recently used one first: a Map has its keys in the order in which they were set. */
const buckets = new Map<string, Bucket>();

/** Key of a request. A header that clients choose is none, unless an agent before this one has checked it. */
const keyOf = ({ metadata }: IncomingRequest): string => metadata.clientIp;

function bucketOf(key: string, now: number): Bucket {
  const bucket = buckets.get(key) ?? { tokens: BURST, refilledAt: now };
  bucket.tokens = Math.min(BURST, bucket.tokens + ((now - bucket.refilledAt) / 1000) * PER_SECOND);
  bucket.refilledAt = now;
  buckets.delete(key);
  buckets.set(key, bucket);
  if (buckets.size > MAX_KEYS) {
    // an evicted client starts with a full bucket; the oldest one is the likeliest to have filled up by itself
    const [oldest = key] = buckets.keys();
    buckets.delete(oldest);
  }
  return bucket;
}

const rateLimit: Agent = defineAgent({
  name: 'rate-limit',
  version: '1.0.0',
  // not async: a decision that is returned at once is sent at once
  onRequestHeaders(request, { clock }) {
    const bucket = bucketOf(keyOf(request), clock.now());
    if (bucket.tokens < 1) {
      const retryAfter = Math.ceil((1 - bucket.tokens) / PER_SECOND);
      return block(429, 'Too many requests.\n')
        .withBlockHeader('retry-after', String(retryAfter))
        .withTag('rate-limit');
    }
    bucket.tokens -= 1;
    return allow()
      .setResponseHeader('ratelimit-limit', String(BURST))
      .setResponseHeader('ratelimit-remaining', String(Math.floor(bucket.tokens)));
  },
});

export default rateLimit;
