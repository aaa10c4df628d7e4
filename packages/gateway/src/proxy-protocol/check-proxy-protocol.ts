import { AgentwireError } from '@agentwire/core';
import { described, OPTION, type OptionCheck, type OptionTable, tableSchema } from '@agentwire/core/internal';
import { checkRanges } from '../request/address-list.ts';

/** Options of the PROXY protocol of a listening address. */
export interface ProxyProtocolOptions {
  /** IP addresses and ranges (`10.0.0.0/8`) of the proxies; connections of others are cut. Default any. */
  readonly from?: readonly string[] | undefined;
  /** Time in which the header must have come, in milliseconds; default the gateway's `requestHeadTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
}

const TABLE: OptionTable<ProxyProtocolOptions> = {
  from: checkRanges,
  timeoutMs: OPTION.integer(1, 300_000),
};

/** Checks `proxyProtocol`. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export const checkProxyProtocol: OptionCheck = described(
  () => ({ anyOf: [{ type: 'boolean' }, tableSchema(TABLE)] }),
  (name, value) => {
    if (typeof value === 'object' && value !== null) return OPTION.nested(TABLE)(name, value);
    if (typeof value === 'boolean') return;
    const got = typeof value === 'string' ? `${JSON.stringify(value)} (string)` : typeof value;
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `${name} must be true, false or an object with from and timeoutMs, such as { from: ['10.0.0.0/8'] }, got ${got}`,
    );
  },
);
