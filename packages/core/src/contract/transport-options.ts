import { checkOptions, OPTION, type OptionTable } from '../option-table.ts';
import type { Hello } from './peer.ts';
import {
  type ConnectOptions,
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_PENDING_HANDSHAKES,
  type ListenOptions,
} from './transport.ts';

const DAY_MS = 86_400_000;

const HELLO: OptionTable<Hello> = {
  role: OPTION.oneOf('proxy', 'agent'),
  name: OPTION.string,
  version: OPTION.string,
  protocolVersions: OPTION.listOf(OPTION.integer(0, 0xffff_ffff)),
  features: OPTION.listOf(OPTION.text),
  encodings: OPTION.listOf(OPTION.text),
  capabilities: OPTION.object,
  token: OPTION.token,
};
const CONNECT: OptionTable<ConnectOptions> = {
  self: OPTION.nested(HELLO),
  onConnection: OPTION.function,
  signal: OPTION.signal,
  handshakeTimeoutMs: OPTION.integer(1, DAY_MS),
};
const LISTEN: OptionTable<ListenOptions> = {
  self: OPTION.nested(HELLO),
  onConnection: OPTION.function,
  handshakeTimeoutMs: OPTION.integer(1, DAY_MS),
  maxPendingHandshakes: OPTION.integer(1, 65_536),
  maxConnections: OPTION.integer(1, 1_000_000),
  authorize: OPTION.function,
  refusalDelayMs: OPTION.function,
};

/** Checks the options of a {@link Transport.connect} and fills in its deadline. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function resolveConnectOptions(
  options: ConnectOptions,
): ConnectOptions & { readonly handshakeTimeoutMs: number } {
  checkOptions('connect', options, CONNECT);
  return { ...options, handshakeTimeoutMs: options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS };
}

/** The limits of a listener, none left open. */
export type ListenLimits = Required<Record<'handshakeTimeoutMs' | 'maxPendingHandshakes' | 'maxConnections', number>>;

/** Checks the options of a {@link Transport.listen} and gives its limits. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function resolveListenLimits(options: ListenOptions): ListenLimits {
  checkOptions('listen', options, LISTEN);
  return {
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
    maxPendingHandshakes: options.maxPendingHandshakes ?? DEFAULT_MAX_PENDING_HANDSHAKES,
    maxConnections: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
  };
}
