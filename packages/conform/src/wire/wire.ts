import type { RawMessage } from '../raw/receive-queue.ts';

/** Form of the protocol: one of the two dialects over a byte stream, or gRPC. */
export type ProtocolForm = 'documented' | 'zentinel' | 'grpc';

/** Head of a request. */
interface HeadFields {
  readonly uri: string;
  readonly method?: string;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
  readonly hasBody?: boolean;
}

/** Chunk of a body. */
export interface ChunkFields {
  readonly index: number;
  readonly text: string | Buffer;
  readonly last: boolean;
}

/** Answer of an agent to a handshake. */
export interface HandshakeAnswer {
  readonly accepted: boolean;
  /** Reason of a refusal, as the agent gave it. */
  readonly error: string | undefined;
  readonly encoding: string;
  /** Dialect of the answer. */
  readonly form: ProtocolForm;
  readonly agent: string;
  /** Violations of the protocol. */
  readonly problems: readonly string[];
}

/** Fields of an answer that checks read. */
export interface AgentAnswer {
  readonly kind: 'answer';
  readonly id: string;
  readonly verdict: 'allow' | 'block' | 'redirect' | 'challenge' | 'error' | 'unknown';
  readonly status: number | undefined;
  readonly needsMore: boolean;
  /** Index of the body chunk that it changes. */
  readonly mutates: number | undefined;
  /** Names of the header operations for the request, as `set x`. */
  readonly operations: readonly string[];
  /** Violations of the protocol. */
  readonly problems: readonly string[];
}

/** Message of an agent. */
export type AgentMessage =
  | AgentAnswer
  | { readonly kind: 'pong'; readonly echo: string }
  | { readonly kind: 'report'; readonly type: number }
  | { readonly kind: 'unexpected'; readonly type: number; readonly what: string };

/** Changes of the handshake. */
export interface HelloChange {
  readonly version?: number;
  readonly encodings?: readonly string[] | undefined;
  readonly extra?: boolean;
}

/** Encoder of proxy messages and decoder of agent messages, for one protocol form. */
export interface Wire {
  readonly form: ProtocolForm;
  hello(change?: HelloChange): RawMessage;
  readHello(message: RawMessage): HandshakeAnswer;
  /** The `n`-th request id. */
  id(n: number): string;
  /** @param extra with unknown fields */
  head(id: string, fields: HeadFields, extra?: boolean): RawMessage;
  requestChunk(id: string, chunk: ChunkFields): RawMessage;
  responseHeaders(id: string, status: number): RawMessage;
  responseChunk(id: string, chunk: ChunkFields): RawMessage;
  cancel(id: string): RawMessage;
  ping(sequence: number): RawMessage;
  /** Echo of a correct pong to `ping(sequence)`. */
  echoOf(sequence: number): string;
  /** Head of this id with unreadable content. */
  brokenHead(id: string): RawMessage;
  /** Message of an unknown type. */
  unknown(): RawMessage;
  /** Message that only agents send. */
  wrongDirection(): RawMessage;
  read(message: RawMessage): AgentMessage;
}

/** `0x20`. */
export function hex(type: number): string {
  return `0x${type.toString(16).padStart(2, '0')}`;
}
