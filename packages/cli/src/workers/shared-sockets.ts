import { parseEndpoint } from '@agentwire/core';
import { type GivenSocket, givenSocket } from '@agentwire/core/internal';
import type { SocketFileOptions } from '@agentwire/transport-uds';
import { prepareSocketFile } from '@agentwire/transport-uds/internal';

type SocketFile = Awaited<ReturnType<typeof prepareSocketFile>>;

/** A Unix socket that the workers share. */
interface Shared {
  readonly path: string;
  readonly file: SocketFile;
  bound: ReturnType<SocketFile['publish']> | undefined;
}

/**
 * Unix sockets that the workers of this process share. node:cluster binds a path once, for the first worker that listens there, and
 * drops it with the last one: after that, the sockets are prepared anew.
 */
export class SharedSockets {
  readonly #paths: readonly string[];
  readonly #access: SocketFileOptions;
  #sockets: readonly Shared[] = [];
  /** Workers that may listen on them. */
  #users = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(endpoints: readonly string[], access: SocketFileOptions) {
    this.#paths = endpoints
      .flatMap((endpoint) => parseEndpoint(endpoint).path ?? [])
      .filter((path) => givenSocket({ path }) === undefined);
    this.#access = access;
  }

  /**
   * Counts a worker that will listen, and prepares the sockets where it is the only one.
   *
   * @returns the sockets by address, for the worker
   * @throws AgentwireError `ERR_CONNECT` for a path that is taken; and the system's errors
   */
  acquire(): Promise<(readonly [string, GivenSocket])[]> {
    const next = this.#last.then(() => this.#acquire());
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #acquire(): Promise<(readonly [string, GivenSocket])[]> {
    if (this.#users === 0) {
      this.remove();
      const sockets: Shared[] = [];
      this.#sockets = sockets;
      for (const path of this.#paths)
        sockets.push({ path, file: await prepareSocketFile(path, this.#access), bound: undefined });
    }
    this.#users += 1;
    return this.#sockets.map(({ path, file }) => [`unix:${path}`, { path: file.bindPath }]);
  }

  /** Counts that a worker has ended. */
  release(): void {
    this.#users -= 1;
  }

  /** Moves sockets that a worker has bound to their names. */
  publish(): void {
    for (const socket of this.#sockets) {
      if (socket.bound !== undefined) continue;
      socket.bound = socket.file.publish();
      socket.file.dispose();
    }
  }

  /** Removes the socket files. */
  remove(): void {
    for (const { file, bound } of this.#sockets) {
      bound?.remove();
      file.dispose();
    }
    this.#sockets = [];
  }
}
