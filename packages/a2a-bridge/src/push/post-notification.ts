import { lookup as systemLookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { AgentwireError, type Clock } from '@agentwire/core';
import { LookupSlots } from './lookup-slots.ts';
import { isPublicAddress } from './public-address.ts';
import { checkPushUrl } from './push-url.ts';

/** Looks up all addresses of a name. */
export type LookupAll = (
  host: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Half of the threads that look-ups and files share. */
const slots = new LookupSlots(2);

/** Options with which a notification is posted. */
export interface PostOptions {
  readonly allowHttp: boolean;
  readonly allowPrivateAddresses: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Look-up of names. Default: the system's. */
  readonly lookup?: LookupAll;
}

/**
 * Posts JSON once and resolves to the status.
 *
 * The address is judged in the look-up whose result the socket connects to, so a name cannot answer twice. Redirects are not followed, and of
 * the answer only the head is read. @throws `ERR_INVALID_ADDRESS`, `ERR_TIMEOUT`, `ERR_CONNECT`
 */
export async function postNotification(
  to: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  options: PostOptions,
): Promise<number> {
  const url = checkPushUrl(to, options);
  let isOver = false;
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const how: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    agent: false,
    maxHeaderSize: 16 * 1024,
    lookup: guardedLookup(options, () => isOver),
  };
  return new Promise((resolve, reject) => {
    const sent = request(url, how, (response) => {
      options.clock.clearTimeout(timer);
      isOver = true;
      resolve(response.statusCode ?? 0);
      sent.destroy();
    });
    const timer = options.clock.setTimeout(() => {
      isOver = true;
      sent.destroy(new AgentwireError('ERR_TIMEOUT', `the receiver did not answer within ${options.timeoutMs} ms`));
    }, options.timeoutMs);
    sent.on('error', (error: NodeJS.ErrnoException) => {
      options.clock.clearTimeout(timer);
      reject(
        error instanceof AgentwireError
          ? error
          : new AgentwireError('ERR_CONNECT', `the receiver could not be reached (${error.code ?? 'no code'})`),
      );
    });
    sent.end(body);
  });
}

function guardedLookup(
  { allowPrivateAddresses, lookup = systemLookup }: PostOptions,
  isOver: () => boolean,
): LookupFunction {
  return (host, wanted, done) => {
    const inSlot: LookupAll = (name, options, found) =>
      slots.run(isOver, (release) =>
        lookup(name, options, (...results) => {
          release();
          found(...results);
        }),
      );
    inSlot(host, { ...wanted, all: true }, (error, addresses) => {
      if (error !== null) {
        done(error, []);
        return;
      }
      // one private address is enough to refuse the name: which one is tried first is not ours to choose.
      const [first] = addresses;
      if (
        first === undefined ||
        (!allowPrivateAddresses && !addresses.every(({ address }) => isPublicAddress(address)))
      ) {
        done(new AgentwireError('ERR_INVALID_ADDRESS', 'the name of a push URL has an address that is not public'), []);
        return;
      }
      if (wanted.all === true) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}
