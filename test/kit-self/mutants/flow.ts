import { AgentwireError, type Connection } from '@agentwire/core';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { replaced, tampered, type Mutant } from '../mutant.ts';

const MIB = 1024 * 1024;

function codeOf(error: unknown): string | undefined {
  return error instanceof AgentwireError ? error.code : undefined;
}

/** Bugs in back-pressure and in how connections end. */
export const FLOW_MUTANTS: readonly Mutant[] = [
  tampered('a message over the limit is dropped in silence', ['size.over'], () => ({
    send(message, _end, send) {
      try {
        return send(message);
      } catch (error) {
        if (codeOf(error) === 'ERR_MESSAGE_TOO_LARGE') return true;
        throw error;
      }
    },
  })),
  tampered(
    'send never returns false',
    ['pressure.stop', 'pressure.low', 'pressure.paused-peer', 'pressure.never-refused'],
    () => ({
      send: (message, _end, send) => send(message) || true,
    }),
  ),
  tampered('onDrain is called after every send', ['pressure.no-drain', 'pressure.stop'], () => ({
    send(message, end, send) {
      setImmediate(() => end.handler?.onDrain?.());
      return send(message);
    },
  })),
  tampered('bufferedBytes never falls', ['pressure.low', 'open.once'], () => ({
    members: () => ({ bufferedBytes: 2 * MIB }),
  })),
  tampered('there is no cap', ['pressure.cap'], () => ({
    send(message, _end, send) {
      try {
        return send(message);
      } catch (error) {
        if (codeOf(error) === 'ERR_OVERLOADED') return false;
        throw error;
      }
    },
  })),
  tampered('everything is refused past the cap', ['pressure.never-refused', 'pressure.answers'], () => ({
    send(message, { real }, send) {
      if (real.bufferedBytes > 7.9 * MIB) throw new AgentwireError('ERR_OVERLOADED', 'full');
      return send(message);
    },
  })),
  tampered('a message that is longer than the cap never fits', ['pressure.one-message'], () => ({
    send(message, _end, send) {
      if (message.type === 'requestBodyChunk' && message.data.length > 8 * MIB)
        throw new AgentwireError('ERR_OVERLOADED', 'full');
      return send(message);
    },
  })),
  tampered(
    'pause does nothing',
    [
      'pressure.paused-peer',
      'pressure.others',
      'pause.holds',
      'pause.at-once',
      'close.deadline',
      'close.signal',
      'session.unread',
    ],
    () => ({ members: () => ({ pause: () => undefined }) }),
  ),
  tampered('resume inside onMessage delivers inside it', ['pause.reentrant'], () => {
    const ends = new Map<Connection, { readonly waiting: (() => void)[]; delivering: boolean }>();
    const of = (real: Connection): { readonly waiting: (() => void)[]; delivering: boolean } => {
      const known = ends.get(real) ?? { waiting: [], delivering: false };
      ends.set(real, known);
      return known;
    };
    return {
      deliver(message, { real }, deliver) {
        const end = of(real);
        end.waiting.push(() => deliver(message));
        setImmediate(() => {
          const next = end.waiting.shift();
          end.delivering = true;
          next?.();
          end.delivering = false;
        });
      },
      members: ({ real }) => ({
        resume() {
          real.resume();
          const end = of(real);
          if (end.delivering) end.waiting.shift()?.();
        },
      }),
    };
  }),
  tampered('close leaves a listener on its signal', ['close.signal-listeners'], () => ({
    members: ({ real }) => ({
      close(options?: Parameters<Connection['close']>[0]) {
        options?.signal?.addEventListener('abort', () => real.abort());
        return real.close(options);
      },
    }),
  })),
  tampered('a paused side does not send', ['pause.one-way'], () => {
    const paused = new Set<Connection>();
    return {
      members: ({ real }) => ({
        pause() {
          paused.add(real);
          real.pause();
        },
      }),
      send: (message, { real }, send) => (paused.has(real) ? true : send(message)),
    };
  }),
  tampered(
    'close drops what is buffered',
    [
      'close.flushes',
      'close.listening-side',
      'close.large',
      'close.last',
      'close.both',
      'close.in-handler',
      'close.receives',
    ],
    () => ({
      members: ({ real }) => ({
        close() {
          real.abort();
          return Promise.resolve();
        },
      }),
    }),
  ),
  tampered('dispose is abort', ['close.dispose'], () => ({
    members: ({ real }) => ({
      [Symbol.asyncDispose]() {
        real.abort();
        return Promise.resolve();
      },
    }),
  })),
  tampered('a second close rejects', ['close.idempotent'], () => ({
    members({ real }) {
      let closes = 0;
      return {
        close(): Promise<void> {
          closes += 1;
          return closes === 1 ? real.close() : Promise.reject(new Error('closed already'));
        },
      };
    },
  })),
  tampered('send after close is dropped in silence', ['close.send', 'abort.dialled', 'abort.accepted'], () => ({
    send: (message, { real }, send) => (real.status === 'open' ? send(message) : true),
  })),
  tampered('a closing side receives nothing', ['close.receives'], () => ({
    deliver: (message, { real }, deliver) => (real.status === 'open' ? deliver(message) : undefined),
  })),
  replaced('close waits a day for a side that reads nothing', ['close.deadline'], (_transport, clock) =>
    createMemoryTransport({ clock, closeTimeoutMs: 86_400_000 }),
  ),
  tampered('the listening side does not hear of a close', ['session.half-open', 'close.flushes'], () => ({
    ended: (reason, { dialled }, ended) => (dialled ? ended(reason) : undefined),
  })),
  tampered('close ignores its signal', ['close.signal', 'close.signal-aborted'], () => ({
    members: ({ real }) => ({ close: () => real.close() }),
  })),
  tampered('onClose is called twice', ['close.flushes', 'abort.dialled', 'abort.accepted', 'end.no-leaks'], () => ({
    ended(reason, _end, ended) {
      ended(reason);
      ended(reason);
    },
  })),
  tampered("every end is reported as the other side's", ['close.flushes', 'abort.dialled', 'abort.accepted'], () => ({
    ended: ({ error }, _end, ended) => ended(error === undefined ? { by: 'remote' } : { by: 'remote', error }),
  })),
  tampered('abort happens a little later', ['abort.drops', 'abort.dialled'], () => ({
    members: ({ real }) => ({ abort: (error?: AgentwireError) => void setImmediate(() => real.abort(error)) }),
  })),
  tampered('abort does nothing while closing', ['abort.closing'], () => ({
    members: ({ real }) => ({ abort: () => (real.status === 'closing' ? undefined : real.abort()) }),
  })),
  tampered('abort of the agent does nothing', ['abort.other-closing', 'abort.only-one', 'session.death'], () => ({
    members: ({ role, real }) => (role === 'agent' ? { abort: () => undefined } : { abort: () => real.abort() }),
  })),
  tampered('abort ends every connection', ['abort.only-one'], () => {
    const all: Connection[] = [];
    return {
      onConnection(onConnection, connection, { real }) {
        all.push(real);
        return onConnection(connection);
      },
      members: () => ({ abort: () => all.forEach((one) => one.abort()) }),
    };
  }),
  tampered('a throw of onMessage is swallowed', ['handler.throws'], () => ({
    deliver(message, _end, deliver) {
      try {
        deliver(message);
      } catch {
        // the bug
      }
    },
  })),
  tampered('a throw of onDrain is swallowed', ['handler.throws-drain'], () => ({
    drain(_end, drain) {
      try {
        drain();
      } catch {
        // the bug
      }
    },
  })),
  tampered('a throw of onClose comes out of abort', ['handler.throws-close'], () => {
    let thrown: Error | undefined;
    return {
      ended(reason, _end, ended) {
        try {
          ended(reason);
        } catch (error) {
          thrown = error as Error;
        }
      },
      members: ({ real }) => ({
        abort() {
          real.abort();
          if (thrown !== undefined) throw thrown;
        },
      }),
    };
  }),
  tampered('received bytes are not counted', ['bytes.received'], () => ({ members: () => ({ receivedBytes: 0 }) })),
  replaced('every connection leaves a timer behind', ['end.no-leaks', 'open.once'], (transport, clock) => ({
    connect(address, options) {
      clock.setTimeout(() => undefined, 3_600_000);
      return transport.connect(address, options);
    },
  })),
];
