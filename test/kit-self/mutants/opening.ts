import { AgentwireError, type ConnectionHandler } from '@agentwire/core';
import { firstShared } from '../coded-transport.ts';
import { replaced, tampered, type Mutant } from '../mutant.ts';

const IGNORE: ConnectionHandler = { onMessage: () => undefined, onClose: () => undefined };

/** Bugs in how connections begin. */
export const OPENING_MUTANTS: readonly Mutant[] = [
  tampered('onConnection is called twice', ['open.once'], () => ({
    onConnection(onConnection, connection) {
      onConnection(connection);
      return onConnection(connection);
    },
  })),
  replaced('connect resolves with another object', ['open.resolves-own'], (transport) => ({
    connect: async (address, options) => ({ ...(await transport.connect(address, options)) }),
  })),
  tampered('peer shows the hello of this side', ['open.peer'], () => ({
    members: ({ real, role }) => ({ peer: { ...real.peer, role } }),
  })),
  tampered('peer keeps the token', ['open.peer'], () => ({
    members: ({ real }) => ({ peer: { ...real.peer, token: 'kit-token' } }),
  })),
  tampered('the encodings of the offer are ignored', ['open.encoding'], () => ({
    members: ({ real }) => ({ peer: { ...real.peer, encoding: 'msgpack' } }),
  })),
  tampered("the order of the offered encodings is the agent's", ['open.encoding'], () => ({
    members: ({ real, self }) => ({
      peer: {
        ...real.peer,
        encoding:
          self.role === 'agent'
            ? firstShared(self.encodings, real.peer.encodings)
            : firstShared(real.peer.encodings, self.encodings),
      },
    }),
  })),
  tampered('capabilities are lost', ['open.capabilities'], () => ({
    members: ({ real }) => ({ peer: { ...real.peer, capabilities: undefined } }),
  })),
  tampered('every feature counts as negotiated', ['open.features'], () => ({
    members: ({ real }) => ({
      peer: { ...real.peer, accepts: new Set([...real.peer.accepts, 'configure', 'healthStatus', 'metricsReport']) },
    }),
  })),
  tampered('messages that the peer does not accept are dropped in silence', ['open.unsupported'], () => ({
    send: (message, { real }, send) => (real.peer.accepts.has(message.type) ? send(message) : true),
  })),
  tampered('what the listening side sends in onConnection is lost', ['open.transaction'], () => ({
    send: (message, { handler, dialled }, send) => (handler === undefined && !dialled ? true : send(message)),
  })),
  tampered('what the dialling side sends in onConnection is lost', ['open.dialer-sends'], () => ({
    send: (message, { handler, dialled }, send) => (handler === undefined && dialled ? true : send(message)),
  })),
  tampered('a throw of the listening onConnection is swallowed', ['open.refuse', 'open.refuse-plain'], () => ({
    onConnection(onConnection, connection, { dialled }) {
      try {
        return onConnection(connection);
      } catch (error) {
        if (dialled) throw error;
        return IGNORE;
      }
    },
  })),
  tampered('a throw of the dialling onConnection is swallowed', ['open.dialer-throws'], () => ({
    onConnection(onConnection, connection) {
      try {
        return onConnection(connection);
      } catch {
        return IGNORE;
      }
    },
  })),
  tampered('a side that ended inside onConnection is never told', ['open.abort-inside'], () => ({
    ended: (reason, { handler }, ended) => (handler === undefined ? undefined : ended(reason)),
    onConnection(onConnection, connection) {
      const handler = onConnection(connection);
      return connection.status === 'closed' ? IGNORE : handler;
    },
  })),
  replaced('protocol versions are not looked at', ['open.version'], (transport) => ({
    connect: (address, options) =>
      transport.connect(address, { ...options, self: { ...options.self, protocolVersions: [2] } }),
  })),
  replaced('roles are not looked at', ['open.role'], (transport) => {
    const roles = new Map<string, string>();
    return {
      listen(address, options) {
        roles.set(address, options.self.role);
        return transport.listen(address, options);
      },
      connect(address, options) {
        const role = roles.get(address) === 'proxy' ? 'agent' : 'proxy';
        return transport.connect(address, { ...options, self: { ...options.self, role } });
      },
    };
  }),
  replaced('dials names no role', ['connect.dials'], () => ({ dials: [] })),
  replaced('an agent cannot dial', ['connect.reverse', 'message.reverse'], (transport) => ({
    async connect(address, options) {
      if (options.self.role === 'agent') throw new AgentwireError('ERR_UNSUPPORTED', 'only proxies dial');
      return transport.connect(address, options);
    },
  })),
  replaced(
    'dialling an address without a listener is a wrong error',
    ['connect.no-listener', 'connect.bad-address'],
    (transport) => ({
      connect: (address, options) =>
        transport.connect(address, options).catch((error: AgentwireError) => {
          if (error.code !== 'ERR_CONNECT' && error.code !== 'ERR_INVALID_ADDRESS') throw error;
          throw new AgentwireError('ERR_TIMEOUT', 'no answer');
        }),
    }),
  ),
  replaced(
    'the signal is ignored',
    ['connect.aborted-before', 'connect.aborted-during', 'authorize.peer-left'],
    (transport) => ({
      connect: (address, options) => transport.connect(address, { ...options, signal: undefined }),
    }),
  ),
  replaced('the signal ends the connection later on', ['connect.signal-after'], (transport) => ({
    async connect(address, options) {
      const connection = await transport.connect(address, options);
      options.signal?.addEventListener('abort', () => connection.abort());
      return connection;
    },
  })),
  replaced('an attempt leaves a listener on its signal', ['connect.signal-listeners'], (transport) => ({
    connect(address, options) {
      options.signal?.addEventListener('abort', () => undefined);
      return transport.connect(address, options);
    },
  })),
  replaced('a failed attempt leaves a listener on its signal', ['connect.signal-listeners'], (transport) => ({
    connect(address, options) {
      const onAbort = (): void => undefined;
      options.signal?.addEventListener('abort', onAbort);
      return transport.connect(address, options).then((connection) => {
        options.signal?.removeEventListener('abort', onAbort);
        return connection;
      });
    },
  })),
  ...['ERR_CONNECT', 'ERR_UNAUTHORIZED', 'ERR_ABORTED', 'ERR_VERSION_MISMATCH'].map((code) =>
    replaced(`the error ${code} of an attempt tells the token`, ['connect.secret'], (transport) => ({
      connect: (address, options) =>
        transport.connect(address, options).catch((error: AgentwireError) => {
          if (error.code !== code) throw error;
          throw new AgentwireError(error.code, error.message, {
            detail: { headers: [`Bearer ${options.self.token}`] },
          });
        }),
    })),
  ),
  replaced('the error of a wrong token tells it', ['connect.secret'], (transport) => ({
    connect: (address, options) =>
      transport.connect(address, options).catch((error: AgentwireError) => {
        if (error.code !== 'ERR_INVALID_ARGUMENT') throw error;
        throw new AgentwireError(error.code, `${error.message}, got ${options.self.token}`);
      }),
  })),
  replaced("the dialling side's deadline runs on real time", ['connect.deadline'], (transport) => ({
    async connect(address, options) {
      const { handshakeTimeoutMs = 10_000, ...rest } = options;
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(), handshakeTimeoutMs).unref();
      const signal = AbortSignal.any([abort.signal, ...(options.signal === undefined ? [] : [options.signal])]);
      try {
        return await transport.connect(address, { ...rest, handshakeTimeoutMs: 86_400_000, signal });
      } catch (error) {
        if (abort.signal.aborted) throw new AgentwireError('ERR_TIMEOUT', 'took too long');
        throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  })),
  replaced("the dialling side's deadline is ignored", ['connect.deadline'], (transport) => ({
    connect: (address, options) => transport.connect(address, { ...options, handshakeTimeoutMs: undefined }),
  })),
  replaced(
    'the deadline of the handshake ends the connection later on',
    ['connect.deadline-over'],
    (transport, clock) => ({
      async connect(address, options) {
        const connection = await transport.connect(address, options);
        clock.setTimeout(() => connection.abort(), 10_000);
        return connection;
      },
    }),
  ),
];
