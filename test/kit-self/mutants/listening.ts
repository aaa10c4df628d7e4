import { AgentwireError, type Connection, type ListenOptions, type Transport } from '@agentwire/core';
import { replaced, type Mutant } from '../mutant.ts';
import { override } from '../tamper.ts';

type Authorize = NonNullable<ListenOptions['authorize']>;

function authorizing(bug: string, foundBy: readonly string[], change: (authorize: Authorize) => Authorize): Mutant {
  return replaced(bug, foundBy, (transport) => ({
    listen(address, options) {
      const given: Authorize = (...facts) => options.authorize?.(...facts);
      return transport.listen(
        address,
        options.authorize === undefined ? options : { ...options, authorize: change(given) },
      );
    },
  }));
}

function listening(
  bug: string,
  foundBy: readonly string[],
  listen: (transport: Transport) => Transport['listen'],
): Mutant {
  return replaced(bug, foundBy, (transport) => ({ listen: listen(transport) }));
}

/** Bugs in listeners and in authorization. */
export const LISTENING_MUTANTS: readonly Mutant[] = [
  authorizing(
    'authorize does not get the token',
    ['authorize.facts'],
    (authorize) => (peer, _credential, signal) => authorize(peer, {}, signal),
  ),
  authorizing('a throw of authorize is swallowed', ['authorize.throw'], (authorize) => (peer, credential, signal) => {
    try {
      return authorize(peer, credential, signal);
    } catch {
      return undefined;
    }
  }),
  authorizing(
    'the promise of authorize is not awaited',
    ['authorize.reject', 'authorize.later', 'authorize.deadline'],
    (authorize) => (peer, credential, signal) => {
      const decision = authorize(peer, credential, signal);
      if (decision !== undefined) decision.catch(() => undefined);
    },
  ),
  replaced('the code of a refusal is lost', ['authorize.code'], (transport) => ({
    connect: (address, options) =>
      transport.connect(address, options).catch((error: AgentwireError) => {
        throw new AgentwireError(error.code === 'ERR_UNAUTHORIZED' ? 'ERR_REFUSED' : error.code, error.message);
      }),
  })),
  listening('a refusal by onConnection loses its code', ['authorize.code'], (transport) => (address, options) => {
    const onConnection: ListenOptions['onConnection'] = (connection) => {
      try {
        return options.onConnection(connection);
      } catch (error) {
        throw new AgentwireError('ERR_REFUSED', (error as Error).message);
      }
    };
    return transport.listen(address, { ...options, onConnection });
  }),
  listening("a handshake's deadline runs on real time", ['authorize.deadline'], (transport) => (address, options) => {
    const { handshakeTimeoutMs = 10_000 } = options;
    return transport.listen(address, {
      ...options,
      handshakeTimeoutMs: 86_400_000,
      async authorize(peer, credential, signal) {
        await Promise.race([
          options.authorize?.(peer, credential, signal),
          new Promise((_resolve, reject) => {
            setTimeout(() => reject(new AgentwireError('ERR_TIMEOUT', 'too late')), handshakeTimeoutMs).unref();
          }),
        ]);
      },
    });
  }),
  authorizing('one peer is authorized at a time', ['authorize.one-at-a-time'], (authorize) => {
    let last: Promise<void> = Promise.resolve();
    return (peer, credential, signal) => {
      last = last.then(() => authorize(peer, credential, signal));
      return last;
    };
  }),
  authorizing(
    "authorize's signal is never aborted",
    ['authorize.peer-left', 'authorize.deadline', 'listen.close-pending'],
    (authorize) => (peer, credential) => authorize(peer, credential, new AbortController().signal),
  ),
  listening('the address cannot be dialled', ['listen.address'], (transport) => async (address, options) => {
    const listener = await transport.listen(address, options);
    return override(listener, { address: `${listener.address}-x` });
  }),
  listening('a bound address can be bound again', ['listen.taken'], (transport) => async (address, options) => {
    const free = await transport.listen(address, options).catch(() => undefined);
    return free ?? transport.listen(`${address}-again`, options);
  }),
  listening(
    'connections are not counted',
    ['listen.count'],
    (transport) => async (address, options) =>
      override(await transport.listen(address, options), { connectionCount: 0 }),
  ),
  listening(
    'close does not stop listening',
    ['listen.close', 'listen.close-pending'],
    (transport) => async (address, options) =>
      override(await transport.listen(address, options), { close: () => Promise.resolve() }),
  ),
  listening('close ends open connections', ['listen.close-keeps'], (transport) => async (address, options) => {
    const open: Connection[] = [];
    const onConnection: ListenOptions['onConnection'] = (connection) => {
      open.push(connection);
      return options.onConnection(connection);
    };
    const listener = await transport.listen(address, { ...options, onConnection });
    const close = (): Promise<void> => {
      for (const connection of open) connection.abort();
      return listener.close();
    };
    return override(listener, { close });
  }),
  listening(
    'maxConnections is ignored',
    ['listen.max-connections'],
    (transport) => (address, options) => transport.listen(address, { ...options, maxConnections: undefined }),
  ),
  listening(
    'unfinished handshakes have no bound',
    ['listen.max-pending', 'listen.pending-flood'],
    (transport) => (address, options) => transport.listen(address, { ...options, maxPendingHandshakes: 65_536 }),
  ),
];
