import {
  AgentwireError,
  parseEndpoint,
  type Endpoint,
  type Listener,
  type Role,
  type Transport,
} from '@agentwire/core';
import { listenError } from '@agentwire/core/internal';
import type { Acceptor } from './acceptor.ts';
import { type FramedOptions, resolveFramedOptions } from './framed-options.ts';
import type { MessageLink } from './message-link.ts';

// The first dial and the first bind load handshakes and codecs (80 files), not the import of this file: `agentwire` gives every
// pool and agent several transports, and most programs use one.
let dialling: typeof import('./dial.ts') | undefined;
let accepting: typeof import('./acceptor.ts') | undefined;

/** Description of a medium: its addresses, and how to open links over it; see {@link createFramedTransport}. */
export interface FramedMedium<Target extends Endpoint = Endpoint> {
  /** Name for logs and tables, and prefix of connection ids. */
  readonly name: string;
  /** Address schemes that it serves, without the colon. */
  readonly schemes: readonly string[];
  /** Roles that may dial with it; default both. */
  readonly dials?: readonly Role[];
  /**
   * Completes an address of one of `schemes`; default as `parseEndpoint` gives it.
   *
   * @throws AgentwireError `ERR_INVALID_ADDRESS`
   */
  parse?(endpoint: Endpoint): Target;
  /**
   * Opens a link that can be written to. A failure of any kind becomes `ERR_CONNECT` unless it is an `AgentwireError`.
   *
   * @param signal aborted when the attempt has failed meanwhile: stop dialling, and drop what was opened
   */
  dial(target: Target, signal: AbortSignal): MessageLink | Promise<MessageLink>;
  /**
   * Binds an address and hands every peer to `acceptor`. A failure of any kind becomes `ERR_CONNECT` unless it is an
   * `AgentwireError`.
   */
  bind(target: Target, acceptor: Acceptor): Binding | Promise<Binding>;
}

/** A bound address of a {@link FramedMedium}. */
export interface Binding {
  /** The address with what binding has added, such as the real port; can be dialled. */
  readonly address: string;
  /** Stops accepting peers; links that were accepted stay. Called once. */
  close(): void;
}

/**
 * Makes a transport of a medium that carries messages or bytes. Handshake, registration, admission, both dialects and
 * encodings, back-pressure, pause, deadlines and the two ways to end are done here; the medium opens links.
 *
 * @param options what the user of the transport may choose; see {@link FramedOptions}
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a value out of range.
 */
export function createFramedTransport<Target extends Endpoint = Endpoint>(
  medium: FramedMedium<Target>,
  options: FramedOptions = {},
): Transport {
  const { name, schemes, dials = ['proxy', 'agent'] } = medium;
  const framed = resolveFramedOptions(name, options);
  const targetOf = (text: string): Target => {
    const endpoint = parseEndpoint(text);
    if (schemes.includes(endpoint.scheme)) return medium.parse?.(endpoint) ?? (endpoint as Target);
    const served = schemes.map((scheme) => `${scheme}:`).join(' and ');
    throw new AgentwireError(
      'ERR_INVALID_ADDRESS',
      `the ${name} transport serves ${served}, not ${JSON.stringify(text)}`,
    );
  };
  return {
    name,
    schemes,
    dials,
    async connect(text, connectOptions) {
      const target = targetOf(text);
      const { address } = target;
      dialling ??= await import('./dial.ts');
      return dialling.dial({ name, address, framed, open: (signal) => medium.dial(target, signal) }, connectOptions);
    },
    async listen(text, listenOptions) {
      const target = targetOf(text);
      accepting ??= await import('./acceptor.ts');
      const acceptor = new accepting.Acceptor(target.address, { name, options: listenOptions, framed });
      try {
        return new FramedListener(await medium.bind(target, acceptor), acceptor);
      } catch (error) {
        acceptor.close();
        throw listenError(error, target.address);
      }
    },
  };
}

class FramedListener implements Listener {
  readonly address: string;
  readonly #binding: Binding;
  readonly #acceptor: Acceptor;
  #closed = false;

  constructor(binding: Binding, acceptor: Acceptor) {
    this.address = binding.address;
    this.#binding = binding;
    this.#acceptor = acceptor;
  }

  get connectionCount(): number {
    return this.#acceptor.connectionCount;
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#binding.close();
      this.#acceptor.close();
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
