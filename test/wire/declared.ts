import type { Fate } from './measure.ts';

/** Fate of some fields on some lanes, and its reason. */
export interface Declared {
  readonly fields: readonly string[];
  readonly lanes: readonly string[];
  readonly fate: Exclude<Fate, '✓'>;
  readonly why: string;
}

const DOCUMENTED = ['documented json', 'documented msgpack'];
const ZENTINEL = ['zentinel json', 'zentinel msgpack', 'version 1'];
const TRANSFERRED = ['requestBodyChunk.bytesTransferred', 'responseBodyChunk.bytesTransferred'];

/** Every cell of the table that is not as it was. One that is missing here, or no longer true, fails the test. */
export const DECLARED: readonly Declared[] = [
  {
    fields: ['requestHeaders.metadata', 'metadata.correlationId'],
    lanes: ZENTINEL,
    fate: '≠',
    why: 'The correlation id is what routes, so the wire id stands there.',
  },
  {
    fields: ['requestHeaders.headers', 'responseHeaders.headers'],
    lanes: ZENTINEL,
    fate: '≠',
    why: 'Headers are an object of name to values: lines of one name come together, in the place of the first.',
  },
  {
    fields: ['requestHeaders.hasBody', 'responseHeaders.hasBody'],
    lanes: ZENTINEL,
    fate: '–',
    why: 'The protocol has no field for it; the headers decide, and where they do not there may be a body.',
  },
  {
    fields: ['metadata.timestamp'],
    lanes: ['gRPC'],
    fate: '≠',
    why: 'Whole milliseconds, delivered in UTC.',
  },
  {
    fields: TRANSFERRED,
    lanes: DOCUMENTED,
    fate: '–',
    why: 'The protocol has no field for it.',
  },
  {
    fields: TRANSFERRED,
    lanes: ZENTINEL,
    fate: '+',
    why: 'A field that must be there: without a count it is the length of the chunk.',
  },
  {
    fields: ['configure.configVersion'],
    lanes: ['version 1'],
    fate: '–',
    why: 'The protocol has no field for it.',
  },
  {
    fields: ['block.headers'],
    lanes: ['memory', ...DOCUMENTED, 'zentinel json', 'zentinel msgpack', 'gRPC', 'version 1'],
    fate: '!',
    why: 'A name that comes twice is `ERR_INVALID_ARGUMENT` where it is sent: most wires have one value a name. All else is carried.',
  },
  {
    fields: ['decision.cache'],
    lanes: ZENTINEL,
    fate: '–',
    why: 'Needs the feature `cache`, which the dialect cannot negotiate.',
  },
  {
    fields: ['decision.error'],
    lanes: ZENTINEL,
    fate: '–',
    why: 'Without the feature `errors` it is a block with 500 or 503 and the code among the reason codes of the audit.',
  },
  {
    fields: ['audit.confidence'],
    lanes: ['zentinel msgpack', 'gRPC'],
    fate: '≠',
    why: 'A 32-bit float.',
  },
];
