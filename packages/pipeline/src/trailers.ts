import type { Decision, HeaderList } from '@agentwire/core';
import { internHeaderName, isHopByHop } from '@agentwire/headers';

/** Names that frame, route, authenticate or describe a message: no trailer may have them (RFC 9110 §6.5.1). */
const NEVER: ReadonlySet<string> = new Set([
  'age',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'expect',
  'expires',
  'forwarded',
  'host',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'location',
  'max-forwards',
  'pragma',
  'range',
  'retry-after',
  'set-cookie',
  'traceparent',
  'tracestate',
  'vary',
  'via',
  'warning',
  'www-authenticate',
  'x-real-ip',
]);

/** Returns a name as the laxest of upstreams reads it. */
const folded = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-');

/** Filter of the trailers of one message: none may say what its head or an agent has decided. */
export class TrailerFilter {
  readonly #decided = new Set<string>();

  /** Notes the names of header operations, whatever head they were for. */
  note({ requestHeaders, responseHeaders }: Pick<Decision, 'requestHeaders' | 'responseHeaders'>): void {
    for (const { name } of requestHeaders ?? []) this.#decided.add(folded(name));
    for (const { name } of responseHeaders ?? []) this.#decided.add(folded(name));
  }

  /** Returns the trailers that may pass beside a head. @param dropUnderscores leaves out names with `_` */
  pass(trailers: HeaderList, head: HeaderList, dropUnderscores = false): string[] {
    const taken = new Set(this.#decided);
    for (let at = 0; at < head.length; at += 2) taken.add(folded(head[at] as string));
    const passed: string[] = [];
    for (let at = 0; at < trailers.length; at += 2) {
      const name = internHeaderName(trailers[at] as string);
      const plain = folded(name);
      const forbidden = NEVER.has(plain) || isHopByHop(name) || isHopByHop(plain) || plain.startsWith('x-forwarded-');
      if (name.startsWith(':') || forbidden || taken.has(plain) || (dropUnderscores && name.includes('_'))) continue;
      passed.push(name, trailers[at + 1] as string);
    }
    return passed;
  }
}
