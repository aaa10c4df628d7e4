import type { RawMessage } from '../raw/inbox.ts';

/** The three ways in which the protocol is spoken. */
export type Form = 'documented' | 'zentinel' | 'grpc';

/** The head of a request. */
interface HeadFields {
  readonly uri: string;
  readonly method?: string;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
  readonly hasBody?: boolean;
}

/** A piece of a body. */
export interface ChunkFields {
  readonly index: number;
  readonly text: string | Buffer;
  readonly last: boolean;
}

/** What an agent answered to a handshake. */
export interface HandshakeAnswer {
  readonly accepted: boolean;
  /** Why it refused, in its words. */
  readonly error: string | undefined;
  readonly encoding: string;
  /** Which dialect the form of the answer shows. */
  readonly form: Form;
  readonly agent: string;
  /** What is not as the protocol says. */
  readonly problems: readonly string[];
}

/** What an answer says, as far as checks look at it. */
export interface AnswerSaid {
  readonly kind: 'answer';
  readonly id: string;
  readonly verdict: 'allow' | 'block' | 'redirect' | 'challenge' | 'error' | 'unknown';
  readonly status: number | undefined;
  readonly needsMore: boolean;
  /** Index of the body chunk that it changes. */
  readonly mutates: number | undefined;
  /** Names of the header operations for the request, as `set x`. */
  readonly operations: readonly string[];
  /** What is not as the protocol says. */
  readonly problems: readonly string[];
}

/** What a message of an agent says. */
export type Said =
  | AnswerSaid
  | { readonly kind: 'pong'; readonly echo: string }
  | { readonly kind: 'report'; readonly type: number }
  | { readonly kind: 'foreign'; readonly type: number; readonly what: string };

/** Changes of the handshake that checks try. */
export interface HelloChange {
  readonly version?: number;
  readonly encodings?: readonly string[] | undefined;
  readonly extra?: boolean;
}

/** How one form of the protocol writes what a proxy says and reads what an agent says. */
export interface Wire {
  readonly form: Form;
  hello(change?: HelloChange): RawMessage;
  readHello(message: RawMessage): HandshakeAnswer;
  /** The `n`-th request id. */
  id(n: number): string;
  /** @param extra with fields that nobody knows */
  head(id: string, fields: HeadFields, extra?: boolean): RawMessage;
  requestChunk(id: string, chunk: ChunkFields): RawMessage;
  responseHeaders(id: string, status: number): RawMessage;
  responseChunk(id: string, chunk: ChunkFields): RawMessage;
  cancel(id: string): RawMessage;
  ping(sequence: number): RawMessage;
  /** What a right pong to `ping(sequence)` echoes. */
  echoOf(sequence: number): string;
  /** A head of this id whose content cannot be read. */
  brokenHead(id: string): RawMessage;
  /** A message that nobody knows. */
  unknown(): RawMessage;
  /** A message that only agents send. */
  wrongDirection(): RawMessage;
  read(message: RawMessage): Said;
}

/** `0x20`. */
export function hex(type: number): string {
  return `0x${type.toString(16).padStart(2, '0')}`;
}
