import { AgentwireError, type Logger } from '@agentwire/core';
import { containRejection, described, OPTION, type OptionCheck } from '@agentwire/core/internal';
import { consistentHash } from './consistent-hash.ts';
import { healthBased } from './health-based.ts';
import { leastConnections, powerOfTwo, random, roundRobin } from './stock-strategies.ts';
import type { Question } from '../question.ts';
import { type Candidate, leastPending, type LoadBalanceStrategy } from './strategy.ts';

/** Names of the stock strategies. */
export type LoadBalanceStrategyName =
  'leastConnections' | 'roundRobin' | 'random' | 'powerOfTwo' | 'healthBased' | 'consistentHash';

const BY_NAME: Readonly<Record<LoadBalanceStrategyName, () => LoadBalanceStrategy>> = {
  leastConnections,
  roundRobin,
  random: () => random(),
  powerOfTwo: () => powerOfTwo(),
  healthBased: () => healthBased(),
  consistentHash: () => consistentHash(),
};

/** Checks a strategy: the name of a stock one, or an object. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export const checkStrategy: OptionCheck = described(
  () => ({ enum: Object.keys(BY_NAME) }),
  (name, value) => {
    if (typeof value === 'string') OPTION.oneOf(...Object.keys(BY_NAME))(name, value);
    else OPTION.methods('pick')(name, value);
  },
);

/** Creates the strategy of one agent from a checked option. @throws AgentwireError `ERR_INVALID_ARGUMENT` where `forAgent` fails */
export function createStrategy(
  option: LoadBalanceStrategyName | LoadBalanceStrategy,
  logger: Logger,
): LoadBalanceStrategy {
  if (typeof option === 'string') return BY_NAME[option]();
  return contained(ofAgent(option), logger);
}

/** Returns the object that serves one agent. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
function ofAgent(strategy: LoadBalanceStrategy): LoadBalanceStrategy {
  if (strategy.forAgent === undefined) return strategy;
  let own: LoadBalanceStrategy;
  try {
    own = strategy.forAgent();
  } catch (cause) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'loadBalanceStrategy.forAgent threw', { cause });
  }
  OPTION.methods('pick')('loadBalanceStrategy.forAgent()', own);
  return own;
}

/** Returns a strategy of the user that always picks a candidate: a request does not fail because of its balancing. */
function contained(strategy: LoadBalanceStrategy, logger: Logger): LoadBalanceStrategy {
  const prefer = strategy.prefer?.bind(strategy);
  const failed = (error: unknown): void => logger.error({ err: error }, 'loadBalanceStrategy threw');
  return {
    ...(prefer !== undefined && {
      prefer<T extends Candidate>(all: readonly T[], event: Question): T | undefined {
        try {
          const preferred = prefer(all, event);
          containRejection(preferred, failed);
          if (preferred === undefined || all.includes(preferred)) return preferred;
          logger.error({}, 'loadBalanceStrategy preferred none of the connections');
        } catch (error) {
          failed(error);
        }
        return undefined;
      },
    }),
    pick(candidates, event) {
      try {
        const picked = strategy.pick(candidates, event);
        containRejection(picked, failed);
        if (candidates.includes(picked)) return picked;
        logger.error({}, 'loadBalanceStrategy returned none of its candidates');
      } catch (error) {
        failed(error);
      }
      return leastPending(candidates);
    },
  };
}
