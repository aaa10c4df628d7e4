import type { Socket } from 'node:net';
import { AgentwireError } from '@agentwire/core';
import type { Deadlines } from '../../deadlines.ts';
import { type ConnectionSettings, type Dial, dialTo } from '../upstream-connection.ts';
import { TargetSession } from './target-session.ts';

/** Taker of a session with room, or of the error that there is none. */
type Taker = (error: Error | undefined, session: TargetSession | undefined) => void;

const closed = (): AgentwireError => new AgentwireError('ERR_CLOSED', 'the upstream was closed');

/** Connections of HTTP/2 to one server: dials as many as the requests need, at most `connections`. */
export class TargetSessions {
  readonly #settings: ConnectionSettings;
  readonly #deadlines: Deadlines;
  readonly #dialTarget: Dial;
  readonly #sessions = new Set<TargetSession>();
  readonly #takers: Taker[] = [];
  #dialling = 0;
  #closed = false;

  constructor(settings: ConnectionSettings, deadlines: Deadlines) {
    this.#settings = settings;
    this.#deadlines = deadlines;
    this.#dialTarget = dialTo(settings, true);
  }

  /** Calls back with a session as soon as one has room. Never calls back at once with an error. */
  take(taker: Taker): void {
    if (this.#closed) return process.nextTick(taker, closed(), undefined);
    const session = this.#takers.length === 0 ? this.#withRoom() : undefined;
    if (session !== undefined) return taker(undefined, session);
    this.#takers.push(taker);
    this.#dialAsNeeded();
  }

  #withRoom(): TargetSession | undefined {
    for (const session of this.#sessions) if (session.hasRoom) return session;
    return undefined;
  }

  /** Dials where those who wait are more than the connections that are being made will have streams. */
  #dialAsNeeded(): void {
    const { connections, maxStreamsPerConnection } = this.#settings;
    const opening = Array.from(this.#sessions).filter(({ state }) => state === 'opening').length;
    const used = Array.from(this.#sessions).filter(({ state }) => state !== 'leaving').length;
    const coming = (this.#dialling + opening) * maxStreamsPerConnection;
    if (this.#takers.length > coming && used + this.#dialling < connections) this.#dial();
  }

  #dial(): void {
    this.#dialling += 1;
    this.#dialTarget((...[error, socket]) => {
      this.#dialling -= 1;
      if (error !== null) return this.#failed(error);
      if (this.#closed) return void socket.destroy();
      if (this.#settings.address.origin.startsWith('https:') && !isHttp2(socket)) {
        socket.destroy();
        return this.#failed(new NoHttp2());
      }
      const settings = this.#settings;
      this.#sessions.add(
        new TargetSession(socket, {
          settings,
          deadlines: this.#deadlines,
          onChange: (session) => this.#changed(session),
        }),
      );
    });
  }

  #changed(session: TargetSession): void {
    if (session.state === 'over') {
      this.#sessions.delete(session);
      if (session.opened === 0 && this.#takers.length > 0)
        return this.#failed(
          session.error ??
            new AgentwireError('ERR_CONNECT', 'the upstream ended the connection before its HTTP/2 settings'),
        );
    }
    this.#serve();
  }

  #serve(): void {
    for (let session = this.#withRoom(); session !== undefined; session = this.#withRoom()) {
      const taker = this.#takers.shift();
      if (taker === undefined) return;
      taker(undefined, session);
    }
    if (this.#takers.length > 0) this.#dialAsNeeded();
  }

  /** Fails those who wait, unless other connections may still take them. */
  #failed(error: Error): void {
    if (this.#dialling > 0 || Array.from(this.#sessions).some(({ state }) => state !== 'leaving')) return;
    for (const taker of this.#takers.splice(0)) taker(error, undefined);
  }

  /** Ends every connection now. */
  destroy(): void {
    this.#closed = true;
    for (const taker of this.#takers.splice(0)) process.nextTick(taker, closed(), undefined);
    for (const session of this.#sessions) session.destroy();
  }
}

function isHttp2(socket: Socket): boolean {
  return (socket as { alpnProtocol?: unknown }).alpnProtocol === 'h2';
}

/** Error of a target that has selected HTTP/1.1, or no protocol at all. */
export class NoHttp2 extends AgentwireError {
  constructor() {
    super('ERR_CONNECT', 'the upstream did not select HTTP/2 in the TLS handshake (ALPN); see protocol of upstreams');
  }
}
