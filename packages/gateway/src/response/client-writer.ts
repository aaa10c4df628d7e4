import type { Clock, HeaderList } from '@agentwire/core';
import { HeaderMap } from '@agentwire/headers';
import type { ClientResponse } from '../client-messages.ts';
import { GrpcLines } from './grpc-lines.ts';
import { endWith, flushHead, MAX_JOINED_BYTES } from './response-head.ts';
import type { StallWatch } from './stall-watch.ts';

/** Collaborators of a {@link ClientWriter}. */
export interface ClientWriterDeps {
  readonly response: ClientResponse;
  readonly clock: Clock;
  readonly stalls: StallWatch;
  /** Called when the client has read nothing for too long though it could, or the head is one that HTTP does not allow. */
  readonly onFail: (error: Error) => void;
}

/** Writes the upstream's response to the client. */
export class ClientWriter {
  readonly #options: ClientWriterDeps;
  readonly #response: ClientResponse;
  #status = 0;
  /** Head that was not sent yet. */
  #head: HeaderList | undefined;
  /** First bytes of the body, for as long as the head waits; they and the head are one write where they are all of it. */
  #first: Uint8Array | undefined;
  #chunked = false;
  #watchesStall = false;
  #left: Error | undefined;
  #onLeave: ((error: Error) => void) | undefined;
  /** Time since which the client has taken nothing of what waits for it. */
  stalledSince: number | undefined;
  /** Set for a gRPC call whose status observers are told. */
  #sent: GrpcLines | undefined;
  /** Bytes of body written. */
  bytes = 0;

  constructor(options: ClientWriterDeps) {
    this.#options = options;
    this.#response = options.response;
  }

  /**
   * Takes the head, which is sent with the first bytes of the body where they are there already. Until it is sent, an error can
   * still be answered.
   */
  head(status: number, headers: HeaderList): void {
    this.#status = status;
    this.#head = headers;
    process.nextTick(flush, this);
  }

  /** Takes the head of a body whose length agents may have changed. */
  headOf(status: number, headers: HeaderList, length: number | undefined): void {
    const map = new HeaderMap(headers);
    map.delete('content-length');
    if (length !== undefined && !this.#chunked) map.set('content-length', String(length));
    this.head(status, map.toRaw());
  }

  /** Announces the response to a gRPC call; before the head is sent. */
  keepLines(): void {
    this.#sent = new GrpcLines();
  }

  /** Status of a gRPC call, as the client was sent it; `undefined` for other requests, and where none was sent. */
  get grpcStatus(): number | undefined {
    return this.#sent?.status;
  }

  /** Announces that trailers may follow; before the head is sent. */
  expectTrailers(): void {
    // HTTP/1.1 has no trailers behind a body of known length
    this.#chunked = this.#response.req.httpVersionMajor === 1;
    this.#response.expectTrailers?.();
  }

  /** Adds trailers, before the end. */
  addTrailers(list: HeaderList): void {
    const pairs: [string, string][] = [];
    for (let at = 0; at < list.length; at += 2) pairs.push([list[at] as string, list[at + 1] as string]);
    try {
      if (pairs.length > 0) this.#response.addTrailers(pairs);
      if (this.#sent !== undefined) this.#sent.trailers = list;
    } catch (error) {
      this.#options.onFail(error as Error);
    }
  }

  /** Sends the head now, unless it was sent. */
  flushHead(): void {
    try {
      if (!this.#writeHead()) return;
      if (this.#first === undefined) flushHead(this.#response);
      else this.#writeFirst();
    } catch (error) {
      this.#options.onFail(error as Error);
    }
  }

  #writeHead(): boolean {
    const head = this.#head;
    if (head === undefined) return false;
    this.#head = undefined;
    if (this.#response.headersSent || this.#response.destroyed) return false;
    this.#response.writeHead(this.#status, head as string[]);
    if (this.#sent !== undefined) this.#sent.head = head;
    return true;
  }

  /**
   * Writes a chunk.
   *
   * @param release called with it once it is out; never for a short one, and over HTTP/2
   * @returns whether the client keeps up
   * @throws TypeError for a head that HTTP does not allow
   */
  write(chunk: Uint8Array, release?: (chunk: Uint8Array) => void): boolean {
    this.bytes += chunk.byteLength;
    const isShort = chunk.byteLength <= MAX_JOINED_BYTES && this.#response.req.httpVersionMajor === 1;
    if (isShort && this.#head !== undefined && this.#first === undefined) {
      this.#first = chunk;
      return true;
    }
    this.#writeHead();
    this.#writeFirst();
    return this.#writeNow(chunk, release);
  }

  #writeNow(chunk: Uint8Array, release?: (chunk: Uint8Array) => void): boolean {
    const frees = release !== undefined && chunk.byteLength > MAX_JOINED_BYTES;
    // left to the collector, each 16 MiB of chunks had it go through the whole heap
    const keepsUp = frees
      ? this.#response.write(chunk, (error) => void (error ?? release(chunk)))
      : this.#response.write(chunk);
    if (!keepsUp) this.#watchStall();
    return keepsUp;
  }

  #writeFirst(): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    this.#writeNow(first);
  }

  #watchStall(): void {
    const { response, clock, stalls, onFail } = this.#options;
    this.stalledSince ??= clock.now();
    if (this.#watchesStall) return;
    this.#watchesStall = true;
    response.on('drain', () => (this.stalledSince = undefined));
    stalls.watch(response, onFail);
  }

  /** Writes as {@link write}, and waits where the client does not keep up. @throws the error of {@link leave} when it has left */
  async writeAndWait(chunk: Uint8Array, release?: (chunk: Uint8Array) => void): Promise<void> {
    if (chunk.byteLength === 0 || this.write(chunk, release)) return;
    if (this.#left !== undefined) throw this.#left;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#onLeave = reject;
    this.#response.once('drain', resolve);
    await promise;
  }

  /** Ends the wait of {@link writeAndWait}: the client has left. */
  leave(error: Error): void {
    this.#left = error;
    this.#onLeave?.(error);
  }

  /** @param done called when the last byte is out @throws TypeError for a head that HTTP does not allow */
  end(done: () => void): void {
    this.#writeHead();
    const first = this.#first;
    this.#first = undefined;
    if (first === undefined || this.#response.destroyed) this.#response.end(done);
    else endWith(this.#response, first, done);
    // node:http2 writes at the end of the turn: nearly all responses are out then
    if (!this.#response.writableFinished && this.#response.writableLength > 0) setImmediate(watchUnsent, this);
  }

  /** Watches a response that has ended, where a part of it was not sent yet. */
  watchUnsent(): void {
    if (!this.#response.writableFinished && !this.#response.destroyed) this.#watchStall();
  }
}

function watchUnsent(writer: ClientWriter): void {
  writer.watchUnsent();
}

function flush(writer: ClientWriter): void {
  writer.flushHead();
}
