import type { OutgoingHttpHeaders } from 'node:http';
import { AgentwireError } from '@agentwire/core';
import { headersSent } from './node-errors.ts';
import type { NodeResponse } from './node-messages.ts';

type Done = (error?: Error | null) => void;
type InformationHeaders = OutgoingHttpHeaders | readonly unknown[] | null | undefined;

/** Members that only some versions and protocols of node have. */
interface OtherMembers {
  writeInformation?(status: number, headers?: InformationHeaders, done?: Done): unknown;
  readonly stream?: object;
}

/** Methods of a stream of node:http2 by which it sends something. */
const SENDING: ReadonlySet<PropertyKey> = new Set([
  'additionalHeaders',
  'end',
  'pushStream',
  'respond',
  'respondWithFD',
  'respondWithFile',
  'sendTrailers',
  'write',
]);

function refused(method: string): AgentwireError {
  const what = `${method}() would pass the agents that judge this response: write to the response itself`;
  return new AgentwireError('ERR_UNSUPPORTED', what);
}

/** Returns a view of a stream that sends nothing: what is written past the response is seen by no agent. */
function silent(stream: object): object {
  const methods = new Map<PropertyKey, unknown>();
  return new Proxy(stream, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      let method = methods.get(name);
      if (method === undefined) {
        method = SENDING.has(name)
          ? () => {
              throw refused(`stream.${String(name)}`);
            }
          : (value as (...given: unknown[]) => unknown).bind(target);
        methods.set(name, method);
      }
      return method;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

const hasHeaders = (headers: InformationHeaders): boolean => Object.keys(headers ?? {}).length > 0;

/**
 * Closes what a response has to send past the agents that judge it: informational responses with headers are dropped, as the gateway
 * drops those of upstreams, and pushed responses and the stream of node:http2 are refused.
 *
 * @param isWritten whether the application has written its head
 */
export function closeUnjudgedWays(response: NodeResponse, isWritten: () => boolean): void {
  const given = response as unknown as OtherMembers;
  const { stream } = given;
  const isHttp2 = response.req.httpVersionMajor > 1;
  const information = given.writeInformation?.bind(response);
  const drop = (done: Done | undefined): unknown => {
    if (isWritten() && !isHttp2) throw headersSent(response, 'write');
    if (done !== undefined) process.nextTick(done);
    return isHttp2 ? false : undefined;
  };
  Object.assign(response, {
    ...(information !== undefined && {
      writeInformation: (status: number, headers?: InformationHeaders, done?: Done) =>
        hasHeaders(headers) || isWritten() ? drop(done) : information(status, headers, done),
    }),
    ...('writeEarlyHints' in given && { writeEarlyHints: (_hints: unknown, done?: Done) => drop(done) }),
    ...('createPushResponse' in given && {
      createPushResponse: (_headers: unknown, done: (error: Error) => void) =>
        process.nextTick(done, refused('createPushResponse')),
    }),
  });
  if (!isHttp2 || stream === undefined) return;
  const value = silent(stream);
  for (const message of [response, response.req])
    Object.defineProperty(message, 'stream', { value, configurable: true });
}
