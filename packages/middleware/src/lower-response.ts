import { EventEmitter } from 'node:events';
import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import type { NodeResponse } from './node-messages.ts';

const METHODS = [
  'writeHead',
  'flushHeaders',
  'write',
  'end',
  'addTrailers',
  'setHeader',
  'appendHeader',
  'removeHeader',
  'on',
] as const;

/** Methods that a response had before the agents' own ones: those of node, or of middleware before the agents. */
export type LowerResponse = Pick<NodeResponse, (typeof METHODS)[number]>;

/** Takes the methods that a response has now; what replaces them later is not called through them. */
export function lowerResponse(response: NodeResponse): LowerResponse {
  const lower: Partial<Record<(typeof METHODS)[number], unknown>> = {};
  for (const name of METHODS) lower[name] = response[name].bind(response);
  const setTrailer = trailerSetter(response)?.bind(response);
  // node's own would call the method of that name which the application sees
  if (setTrailer !== undefined)
    lower.addTrailers = (trailers: OutgoingHttpHeaders) => {
      for (const [name, value] of Object.entries(trailers)) setTrailer(name, value);
    };
  return lower as LowerResponse;
}

type SetTrailer = (name: string, value: OutgoingHttpHeader | undefined) => void;

/** Returns `setTrailer` of a response of node:http2's compatibility layer; node:http has no such method. */
export function trailerSetter(response: NodeResponse): SetTrailer | undefined {
  return (response as { readonly setTrailer?: SetTrailer }).setTrailer;
}

/** Puts an accessor in place of a property of a response. @returns the function that puts back what was there */
export function replaceProperty(response: NodeResponse, name: string, get: () => unknown): () => void {
  const before = Object.getOwnPropertyDescriptor(response, name);
  Object.defineProperty(response, name, { get, configurable: true });
  return () => {
    if (before === undefined) Reflect.deleteProperty(response, name);
    else Object.defineProperty(response, name, before);
  };
}

type Listener = () => void;

/**
 * Keeps listeners of `drain` at the response while agents judge it. Middleware before the agents, such as one that compresses,
 * may give them to a stream of its own, where they do not learn that the agents have caught up.
 *
 * @returns the function that gives them to that middleware
 */
export function holdDrain(response: NodeResponse, lower: LowerResponse): () => void {
  if (!Object.hasOwn(response, 'on')) return () => undefined;
  const held = new Set<unknown>();
  let holds = true;
  const on = (event: string, listener: Listener): unknown => {
    if (!holds || event !== 'drain') return lower.on(event, listener);
    held.add(listener);
    return EventEmitter.prototype.on.call(response, event, listener);
  };
  Object.assign(response, { on });
  return () => {
    holds = false;
    for (const listener of response.rawListeners('drain') as Listener[])
      if (held.has(listener)) {
        response.off('drain', listener);
        lower.on('drain', listener);
      }
  };
}
