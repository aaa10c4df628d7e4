import {
  AgentwireError,
  parseEndpoint,
  type Connection,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type Transport,
} from '@agentwire/core';
import { resolveConnectOptions } from '@agentwire/core/internal';
import { MemoryListener } from './memory-listener.ts';
import { resolveMemoryOptions, type MemoryTransportOptions } from './options.ts';

/**
 * Makes the transport that stays in the process: the reference for every rule of the contract, and the one that tests use.
 *
 * Serves `memory:NAME`, where NAME is not a number (that would be a host and its port). Names belong to the transport object, so both ends must use the same one. Messages are copied
 * by `send` and delivered in a later microtask, in order; nothing is encoded. Its lengths in bytes are estimates.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a value out of range.
 */
export function createMemoryTransport(options: MemoryTransportOptions = {}): Transport {
  const memory = resolveMemoryOptions(options);
  const names = new Map<string, MemoryListener>();

  async function connect(text: string, connectOptions: ConnectOptions): Promise<Connection> {
    const address = memoryAddress(text);
    const { signal, handshakeTimeoutMs: timeoutMs, self } = resolveConnectOptions(connectOptions);
    if (signal?.aborted) throw aborted(address, signal);
    const listener = names.get(address);
    if (listener === undefined) throw new AgentwireError('ERR_CONNECT', `nothing listens on ${address}`);
    const pending = listener.admission.begin();
    const timer = memory.clock.setTimeout(() => {
      pending.fail(new AgentwireError('ERR_TIMEOUT', `${address} did not finish the handshake in ${timeoutMs} ms`));
    }, timeoutMs);
    const onAbort = (): void => pending.fail(aborted(address, signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await pending.authorize(self, { token: self.token, address });
      if (signal?.aborted) throw aborted(address, signal);
      return listener.join(connectOptions);
    } finally {
      pending.done();
      memory.clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async function listen(text: string, listenOptions: ListenOptions): Promise<Listener> {
    const address = memoryAddress(text);
    if (names.has(address)) throw new AgentwireError('ERR_CONNECT', `${address} is taken`);
    const listener = new MemoryListener(address, listenOptions, memory, () => {
      if (names.get(address) === listener) names.delete(address);
    });
    names.set(address, listener);
    return listener;
  }

  return { name: 'memory', schemes: ['memory'], dials: ['proxy', 'agent'], connect, listen };
}

function memoryAddress(text: string): string {
  const { scheme, address } = parseEndpoint(text);
  if (scheme === 'memory') return address;
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `the memory transport serves memory:NAME, not ${JSON.stringify(address)}`,
  );
}

function aborted(address: string, signal: AbortSignal | undefined): AgentwireError {
  return new AgentwireError('ERR_ABORTED', `connecting to ${address} was aborted`, { cause: signal?.reason });
}
