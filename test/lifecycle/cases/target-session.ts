import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import { TARGET_SESSION_LIFECYCLE, TargetSession } from '@agentwire/gateway/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

const LONG_MS = 1_000_000;

/** HTTP/2 connection to an upstream, over a stream on which nothing comes; events of node:http2 are caused by hand. */
export const targetSession: LifecycleCase = {
  name: 'HTTP/2 connection to an upstream',
  lifecycle: TARGET_SESSION_LIFECYCLE,
  create() {
    let now = 0;
    let pong: ((error: Error | null) => void) | undefined;
    const duplex = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const socket = Object.assign(duplex, { bytesRead: 0 });
    const settings = {
      address: { origin: 'http://127.0.0.1:1' },
      maxStreamsPerConnection: 1,
      connectTimeoutMs: 100,
      keepAliveTimeoutMs: 100,
      pingIntervalMs: 100,
    };
    const session = new TargetSession(socket as unknown as Socket, {
      settings: settings as never,
      deadlines: { now: () => now, add: () => undefined, delete: () => undefined } as never,
      onChange: () => undefined,
    });
    session.http2.ping = ((callback: (error: Error | null) => void) => {
      pong = callback;
      return true;
    }) as typeof session.http2.ping;
    const late = (): void => {
      now += LONG_MS;
      session.check(now);
    };
    return {
      state: () => session.state,
      events: {
        settings: () => void session.http2.emit('remoteSettings', {}),
        goaway: () => void session.http2.emit('goaway', 0),
        timeout: () => session.doubt(),
        'ping answered': () => pong?.(null),
        idle() {
          if (session.state === 'ready') late();
        },
        silence() {
          if (session.state !== 'ready') return;
          session.open();
          late();
          session.release();
        },
        'not in time'() {
          if (session.state === 'opening' || session.state === 'doubtful') late();
        },
        closed: () => session.destroy(),
      },
    };
  },
};
