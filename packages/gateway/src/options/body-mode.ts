import { checkOneOf, described, type OptionCheck } from '@agentwire/core/internal';

/** Handling of a body that agents read: see `requestBody` of `GatewayOptions`. `hold` is the former spelling of `buffer`. */
export type BodyMode = 'stream' | 'buffer' | 'hold';

/** Checks a body mode. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export const checkBodyMode: OptionCheck = described(
  () => ({ enum: ['stream', 'buffer', 'hold'] }),
  (name, value) => {
    // the former spelling of buffer
    if (value !== 'hold') checkOneOf(name, value, ['stream', 'buffer']);
  },
);
