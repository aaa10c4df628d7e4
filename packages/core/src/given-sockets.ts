import { isIP } from 'node:net';

/**
 * Socket to listen on in place of an address: one that this process inherited, by its file descriptor, or one that all workers of a
 * primary process share, by the path under which that process binds it.
 */
export type GivenSocket = { readonly fd: number } | { readonly path: string };

const given = new Map<string, GivenSocket>();

/** Address that a server listens on. */
export type ListenPlace = { readonly path: string } | { readonly host: string; readonly port: number };

/** Returns the key of an address that a server listens on. */
export function listenKey(where: ListenPlace): string {
  if (!('port' in where)) return `unix:${where.path}`;
  return isIP(where.host) === 6 ? `[${where.host}]:${where.port}` : `${where.host}:${where.port}`;
}

/**
 * Makes every listener of this process that is asked for an address from now on take a socket instead of binding it.
 *
 * @param key address, as of {@link listenKey}
 * @returns a function that ends it
 */
export function giveSocket(key: string, socket: GivenSocket): () => void {
  given.set(key, socket);
  return () => void given.delete(key);
}

/** Returns the socket of an address; `undefined` for one that has to be bound. */
export function givenSocket(where: ListenPlace): GivenSocket | undefined {
  return given.size === 0 ? undefined : given.get(listenKey(where));
}
