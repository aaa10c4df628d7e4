import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { HeaderList } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import type { UpstreamControl } from '../upstream.ts';

/** Takes the body of the upstream's response. */
export interface ResponseSink {
  /** @returns whether more may come at once; else the sink resumes the upstream itself */
  write(chunk: Uint8Array): boolean;
  end(): void;
}

/** Writes the upstream's response to the client. */
export class ClientWriter {
  readonly #response: ServerResponse;
  readonly #signal: AbortSignal;
  /** Bytes of body written. */
  bytes = 0;

  /** @param signal aborts when the client goes away */
  constructor(response: ServerResponse, signal: AbortSignal) {
    this.#response = response;
    this.#signal = signal;
  }

  /** @throws TypeError for a head that HTTP does not allow */
  head(status: number, headers: HeaderList): void {
    this.#response.writeHead(status, headers as string[]);
  }

  /** The head of a body of another length than the upstream said. */
  headOf(status: number, headers: HeaderList, length: number | undefined): void {
    const map = new HeaderMap(headers);
    map.delete('content-length');
    if (length !== undefined) map.set('content-length', String(length));
    this.head(status, map.toRaw());
  }

  /** @returns whether the client keeps up */
  write(chunk: Uint8Array): boolean {
    this.bytes += chunk.byteLength;
    return this.#response.write(chunk);
  }

  /** Writes, and waits where the client does not keep up. @throws AbortError when it has left */
  async writeAndWait(chunk: Uint8Array): Promise<void> {
    if (chunk.byteLength > 0 && !this.write(chunk)) await once(this.#response, 'drain', { signal: this.#signal });
  }

  /** @param done called when the last byte is out */
  end(done: () => void): void {
    this.#response.end(done);
  }

  /** Straight through: what the upstream sends, as fast as the client takes it. */
  plainSink(control: UpstreamControl, done: () => void): ResponseSink {
    this.#response.on('drain', () => control.resume());
    return {
      write: (chunk) => this.write(chunk),
      end: () => this.end(done),
    };
  }
}
