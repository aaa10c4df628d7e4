import type { Socket } from 'node:net';
import type { Clock, Logger } from '@agentwire/core';
import { AddressList } from '../request/address-list.ts';
import { readFirstBytes } from '../first-bytes.ts';
import type { ProxyProtocolOptions } from './check-proxy-protocol.ts';
import { parseProxyHeader, type ProxiedClient } from './parse-proxy-header.ts';

/** Collaborators of {@link ProxyProtocol}. */
export interface ProxyProtocolDeps {
  readonly options: ProxyProtocolOptions;
  /** Default of `timeoutMs`. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Both ends of a connection, which tell it from every other one of this process. */
const endsOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;

function setAddress(socket: Socket, { address, port }: ProxiedClient): void {
  const family = address.includes(':') ? 'IPv6' : 'IPv4';
  for (const [name, value] of Object.entries({ remoteAddress: address, remotePort: port, remoteFamily: family }))
    Object.defineProperty(socket, name, { value, configurable: true });
}

/** Headers of the PROXY protocol at the beginning of connections: who the client behind the proxy is. */
export class ProxyProtocol {
  readonly #deps: ProxyProtocolDeps;
  readonly #from: AddressList | undefined;
  /** Clients of connections that are still within their TLS handshake, by their ends. */
  readonly #clients = new Map<string, ProxiedClient>();

  constructor(deps: ProxyProtocolDeps) {
    this.#deps = deps;
    const { from } = deps.options;
    if (from !== undefined) this.#from = new AddressList(from);
  }

  /** Reads the header of a new connection, and calls back; cuts one without a header, or of another peer. */
  accept(socket: Socket, onReady: () => void, beforeTls = false): void {
    const { clock, options, timeoutMs } = this.#deps;
    if (this.#from?.has(socket.remoteAddress) === false)
      return this.#refuse(socket, 'its peer is none of proxyProtocol.from');
    readFirstBytes(
      socket,
      { clock, timeoutMs: options.timeoutMs ?? timeoutMs },
      (read, ended) => {
        const parsed = read.length === 0 ? 'more' : parseProxyHeader(read);
        if (parsed === 'more' && !ended) return undefined;
        return typeof parsed === 'string' ? { value: undefined, taken: 0 } : { value: parsed, taken: parsed.length };
      },
      (header) => {
        if (header === undefined) return this.#refuse(socket, 'it begins with no header of the PROXY protocol');
        if (header.client !== undefined) this.#note(socket, header.client, beforeTls);
        onReady();
      },
    );
  }

  #note(socket: Socket, client: ProxiedClient, beforeTls: boolean): void {
    if (!beforeTls) return setAddress(socket, client);
    const ends = endsOf(socket);
    this.#clients.set(ends, client);
    socket.once('close', () => {
      if (this.#clients.get(ends) === client) this.#clients.delete(ends);
    });
  }

  /** Gives a connection the address of its client after its TLS handshake. */
  secured(socket: Socket): void {
    const ends = endsOf(socket);
    const client = this.#clients.get(ends);
    if (client === undefined) return;
    this.#clients.delete(ends);
    setAddress(socket, client);
  }

  #refuse(socket: Socket, reason: string): void {
    this.#deps.logger.warn({ peer: socket.remoteAddress }, `a connection was cut: ${reason}`);
    socket.on('error', () => undefined).destroy();
  }
}
