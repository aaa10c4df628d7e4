import { connect, type Socket } from 'node:net';
import { frameOf } from '../src/raw/stream-channel.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const AGAIN_MS = 20;

/** Callbacks of a link. */
export interface LinkUser {
  onMessage(type: number, text: string, link: ProxyLink): void;
  /** Called when a connection ended. @returns `true` when a request was pending on it */
  onLost(): boolean;
}

/** Connection of a minimal proxy; reconnects when it ends. */
export class ProxyLink {
  readonly #path: string;
  readonly #fault: string;
  readonly #user: LinkUser;
  readonly #queue: Buffer[] = [];
  #socket: Socket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #received: Buffer = Buffer.alloc(0);
  #closed = false;
  up = false;

  constructor(path: string, fault: string, user: LinkUser) {
    this.#path = path;
    this.#fault = fault;
    this.#user = user;
    this.#open();
  }

  /** Writes a message once the handshake is answered. @returns `false` when it will not be written */
  send(type: number, fields: object): boolean {
    const bytes = frameOf({ type, payload: Buffer.from(JSON.stringify(fields)) });
    if (this.up) this.#socket?.write(bytes);
    else if (this.#fault === 'impatient') this.#queue.push(bytes);
    else return false;
    return true;
  }

  /** Ends the connection, which then reconnects. */
  drop(): void {
    this.#lost(true);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #open(): void {
    const socket = connect({ path: this.#path, allowHalfOpen: this.#fault === 'half-close-hangs' });
    this.#socket = socket;
    this.#received = Buffer.alloc(0);
    const lost = (): void => {
      if (socket === this.#socket) this.#lost(false);
    };
    socket.on('data', (chunk: Buffer) => socket === this.#socket && this.#take(chunk));
    socket.on('error', () => undefined);
    if (this.#fault !== 'half-close-hangs') socket.on('end', lost);
    socket.on('close', lost);
    const hello = { protocol_version: 2, ...(this.#fault !== 'no-name' && { client_name: 'minimal' }) };
    socket.write(frameOf({ type: 0x01, payload: Buffer.from(JSON.stringify(hello)) }));
    for (const bytes of this.#queue.splice(0)) socket.write(bytes);
  }

  #lost(byItself: boolean): void {
    const wasUp = this.up;
    this.up = false;
    this.#socket?.destroy();
    this.#socket = undefined;
    const waited = this.#user.onLost();
    if (this.#closed || (this.#fault === 'never-back' && wasUp && !waited && !byItself)) return;
    this.#timer = setTimeout(() => this.#open(), AGAIN_MS);
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#socket !== undefined && this.#received.length >= 4) {
      const end = 4 + this.#received.readUInt32BE(0);
      if (end - 4 > MAX_BYTES && this.#fault !== 'no-limit') return this.drop();
      if (this.#received.length < end) break;
      const [type, text] = [this.#received[4] ?? 0, this.#received.toString('utf8', 5, end)];
      this.#received = this.#received.subarray(end);
      if (this.up) this.#user.onMessage(type, text, this);
      else this.#accepted(JSON.parse(text) as { protocol_version: number; error?: string });
    }
    if (!this.up && this.#received.length > 0 && this.#fault === 'handshake-in-one') this.drop();
  }

  #accepted({ protocol_version: version, error }: { protocol_version: number; error?: string }): void {
    const refused = error !== undefined && this.#fault !== 'refusal-ignored';
    const unexpected = version !== 2 && this.#fault !== 'any-version';
    this.#closed ||= (refused && this.#fault === 'refusal-final') || (unexpected && this.#fault === 'version-final');
    if (refused || unexpected) return this.drop();
    this.up = true;
    if (this.#fault === 'unexpected-type') this.send(0x66, {});
    if (this.#fault === 'agents-type') this.send(0x41, {});
    if (this.#fault === 'not-agreed') this.send(0x14, { request_id: 1 });
  }
}
