import type { Check } from '../check.ts';
import { bodyChecks } from './checks/bodies.ts';
import { damageChecks } from './checks/damage.ts';
import { outOfTurnChecks } from './checks/out-of-turn.ts';
import { openingChecks } from './checks/opening.ts';
import { requestChecks } from './checks/requests.ts';
import type { ProxyUnderTest } from './under-test.ts';

/** Every check of a proxy, in the order in which they run. */
export const PROXY_CHECKS: readonly Check<ProxyUnderTest>[] = [
  ...requestChecks,
  ...bodyChecks,
  ...damageChecks,
  ...outOfTurnChecks,
  ...openingChecks,
];
