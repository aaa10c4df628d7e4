import { isDeepStrictEqual } from 'node:util';
import type { Seen } from '../outcome/outcome.ts';
import {
  ALLOW,
  ATTACK,
  BLOCKED,
  type Check,
  EXPECTED,
  gaveUp,
  holds,
  is,
  MORE,
  SEEN,
  type Steps,
} from '../scenarios/expected.ts';
import { VERSION_ONE_SCENARIOS } from './scenarios.ts';

const isBlock = (seen: Seen): boolean => 'effect' in seen && isDeepStrictEqual(seen.effect.verdict, BLOCKED);
/** An answer belongs to the question that was asked, or there is none. */
const ownAnswer: Check = holds('the block that was asked for, or an error', (seen) => 'error' in seen || isBlock(seen));

/** Expectations of version 1 only. */
const OWN: Readonly<Record<string, Steps>> = {
  'several-connections': [
    ['configure', is(ALLOW)],
    ['request_headers', is(MORE)],
    ['request_body_chunk 0', is(MORE)],
    ['request_body_chunk 1', is(ATTACK)],
    ['response_headers', is(ALLOW)],
  ],
  'first-is-large': [
    ['request_headers', is(MORE)],
    ['request_body_chunk 0', is(ALLOW)],
  ],
  'too-large': [
    ['request_headers', is(MORE)],
    ['request_body_chunk 0', gaveUp],
    ['request_headers after', is(SEEN)],
  ],
  'late-answer': [
    ['request_headers', gaveUp],
    ['request_headers after', ownAnswer],
  ],
  'many-in-a-row': EXPECTED.get('many-at-once') ?? [],
};

/** The table of the reference agent as far as version 1 carries it; it knows nothing of the health of a connection. */
export const VERSION_ONE_EXPECTED: ReadonlyMap<string, Steps> = new Map(
  VERSION_ONE_SCENARIOS.map(({ name }) => {
    const steps = OWN[name] ?? EXPECTED.get(name) ?? [];
    return [name, steps.filter(([step]) => !step.startsWith('health'))];
  }),
);
