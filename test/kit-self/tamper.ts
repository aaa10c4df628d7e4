import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  EncodedMessage,
  Hello,
  Message,
  OnConnection,
  Received,
  Role,
  Transport,
} from '@agentwire/core';

/** One end of a connection, as a tampering sees it. */
export interface End {
  /** The connection underneath, untouched. */
  readonly real: Connection;
  readonly role: Role;
  /** Hello of this end. */
  readonly self: Hello;
  readonly dialled: boolean;
  /** The handler above; absent while `onConnection` runs. */
  handler: ConnectionHandler | undefined;
}

/** Differences of a broken transport; an absent member works as it should. */
export interface Tampering {
  send?(message: Message, end: End, send: (message: Message) => boolean): boolean;
  deliver?(message: Received, end: End, deliver: (message: Received, encoded?: EncodedMessage) => void): void;
  drain?(end: End, drain: () => void): void;
  ended?(reason: CloseReason, end: End, ended: (reason: CloseReason) => void): void;
  onConnection?(onConnection: OnConnection, connection: Connection, end: End): ConnectionHandler;
  /** Members of the connection to put in the place of the real ones. */
  members?(end: End): object;
}

/** Puts `members` in front of `object`, whose own methods keep their `this`. */
export function override<T extends object>(object: T, members: object): T {
  return new Proxy(object, {
    get(target, key) {
      if (Object.hasOwn(members, key)) return Reflect.get(members, key) as unknown;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Wraps a transport whose connections are tampered with. */
export function tamper(transport: Transport, tampering: Tampering): Transport {
  const shown = new WeakMap<Connection, Connection>();
  const wrap =
    (onConnection: OnConnection, self: Hello, dialled: boolean): OnConnection =>
    (real) => {
      const end: End = { real, role: self.role, self, dialled, handler: undefined };
      const own = tampering.members?.(end) ?? {};
      const send = (message: Message): boolean => real.send(message);
      const connection = override(real, {
        ...(tampering.send && { send: (message: Message) => tampering.send?.(message, end, send) }),
        ...own,
      });
      shown.set(real, connection);
      const handler = tampering.onConnection?.(onConnection, connection, end) ?? onConnection(connection);
      end.handler = handler;
      return guard(handler, end, tampering);
    };
  return {
    name: transport.name,
    schemes: transport.schemes,
    dials: transport.dials,
    async connect(address, options) {
      const onConnection = wrap(options.onConnection, options.self, true);
      const real = await transport.connect(address, { ...options, onConnection });
      return shown.get(real) ?? real;
    },
    listen: (address, options) =>
      transport.listen(address, { ...options, onConnection: wrap(options.onConnection, options.self, false) }),
  };
}

function guard(handler: ConnectionHandler, end: End, tampering: Tampering): ConnectionHandler {
  return {
    onMessage(message, encoded) {
      const deliver = (changed: Received, form = changed === message ? encoded : undefined): void =>
        handler.onMessage(changed, form);
      if (tampering.deliver === undefined) deliver(message);
      else tampering.deliver(message, end, deliver);
    },
    onDrain() {
      const drain = (): void => handler.onDrain?.();
      if (tampering.drain === undefined) drain();
      else tampering.drain(end, drain);
    },
    onClose(reason) {
      const ended = (changed: CloseReason): void => handler.onClose(changed);
      if (tampering.ended === undefined) ended(reason);
      else tampering.ended(reason, end, ended);
    },
  };
}
