/**
 * Id that routes a message: created by the proxy's session, echoed by the agent. A number (or a bigint past 2^53−1) in the
 * documented dialect, text in the zentinel dialect and over gRPC. 0 is an id: compare with `undefined`, not for truthiness.
 */
export type RequestId = number | bigint | string;

/** Alternating names and values, in wire order, as `IncomingMessage.rawHeaders`. Its length is even. */
export type HeaderList = readonly string[];

/** Origin of a request; wire section "RequestMetadata". Absent members were not specified by the proxy. */
export interface RequestMetadata {
  /** The proxy's or the client's name for the request in logs; never used for routing messages in the documented dialect. */
  readonly correlationId: string;
  /** The proxy's own id for the HTTP request. */
  readonly requestId: string;
  /** Address of the client, without a port if the proxy separates them. */
  readonly clientIp: string;
  /** Port of the client, 0 to 65 535; 0 where it is unknown. */
  readonly clientPort: number;
  /** Host name the client asked for (SNI or Host). */
  readonly serverName?: string | undefined;
  /** `HTTP/1.1`, `HTTP/2`… */
  readonly protocol: string;
  readonly tlsVersion?: string | undefined;
  /** Not carried by gRPC to peers that are not agentwire. */
  readonly tlsCipher?: string | undefined;
  readonly routeId?: string | undefined;
  readonly upstreamId?: string | undefined;
  /** RFC 3339 in UTC. gRPC carries whole milliseconds only. */
  readonly timestamp: string;
  /** W3C trace context, if the proxy traces. */
  readonly traceparent?: string | undefined;
}

/** The head of an HTTP request; the first event of an exchange. Answered by one decision. */
export interface RequestHeaders {
  readonly type: 'requestHeaders';
  readonly id: RequestId;
  readonly metadata: RequestMetadata;
  readonly method: string;
  /** Path and query as they came, for example `/a?b=c`. */
  readonly uri: string;
  readonly headers: HeaderList;
  /**
   * True if a body follows; absent if the proxy does not specify it, as in the zentinel dialect and from third-party peers over
   * gRPC. Then the headers may tell; if they do not, there may be one.
   */
  readonly hasBody?: boolean | undefined;
}

/**
 * Head of a request as a caller may write it: every member of the metadata is optional. Those that wires need are sent as
 * `''`, port 0, `HTTP/1.1`, the time now and the wire id.
 */
export interface RequestHead extends Omit<RequestHeaders, 'metadata'> {
  readonly metadata?: { readonly [Name in keyof RequestMetadata]?: RequestMetadata[Name] | undefined } | undefined;
}

/** Common fields of request and response body chunks. */
interface BodyChunk {
  readonly id: RequestId;
  /** 0 for the first chunk of a body. */
  readonly index: number;
  readonly data: Uint8Array;
  /** True for the end of the body. */
  readonly last: boolean;
  /** Length of the whole body in bytes, if known. */
  readonly totalSize?: number | undefined;
  /** Bytes of this body up to and including this chunk, if the dialect has the field. */
  readonly bytesTransferred?: number | undefined;
}

/** Chunk of the request's body. Answered by one decision. */
export interface RequestBodyChunk extends BodyChunk {
  readonly type: 'requestBodyChunk';
}

/** Chunk of the response's body. Answered by one decision. */
export interface ResponseBodyChunk extends BodyChunk {
  readonly type: 'responseBodyChunk';
}

/** The head of the upstream's response. Answered by one decision. */
export interface ResponseHeaders {
  readonly type: 'responseHeaders';
  readonly id: RequestId;
  /** HTTP status, 100 to 999. */
  readonly status: number;
  readonly headers: HeaderList;
  /** True if a body follows; absent if the proxy does not specify it, as for a request. */
  readonly hasBody?: boolean | undefined;
}

/** End of a request. Not answered; nothing follows for its id. */
export interface RequestComplete {
  readonly type: 'requestComplete';
  readonly id: RequestId;
  readonly status: number;
  readonly durationMs: number;
  readonly requestBodySize: number;
  readonly responseBodySize: number;
  readonly upstreamAttempts: number;
  readonly error?: string | undefined;
}

/** Type of a WebSocket frame. */
export type WebSocketOpcode = 'continuation' | 'text' | 'binary' | 'close' | 'ping' | 'pong';

/** One WebSocket frame in either direction. Answered by one decision. */
export interface WebSocketFrame {
  readonly type: 'webSocketFrame';
  readonly id: RequestId;
  readonly opcode: WebSocketOpcode;
  readonly data: Uint8Array;
  readonly clientToServer: boolean;
  readonly index: number;
  readonly fin: boolean;
  readonly routeId?: string | undefined;
  readonly clientIp: string;
}

/** Kind of inspection by a guardrail. */
export type InspectionType = 'prompt_injection' | 'pii_detection';

/** Text for an AI guardrail. Answered by one decision that carries `guardrail`. */
export interface GuardrailInspect {
  readonly type: 'guardrailInspect';
  readonly id: RequestId;
  readonly inspectionType: InspectionType;
  readonly content: string;
  readonly model?: string | undefined;
  readonly categories: readonly string[];
  readonly routeId?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A configuration for the agent. Answered by one decision: allow accepts it, block refuses it. */
export interface Configure {
  readonly type: 'configure';
  readonly id: RequestId;
  /** Any JSON value; the operator's own shape. */
  readonly config: unknown;
  readonly configVersion?: string | undefined;
}

/** Event that a proxy sends to an agent: about a request, or its configuration. */
export type ProxyEvent =
  | RequestHeaders
  | RequestBodyChunk
  | ResponseHeaders
  | ResponseBodyChunk
  | RequestComplete
  | WebSocketFrame
  | GuardrailInspect
  | Configure;

/** The `type` of an event. */
export type EventType = ProxyEvent['type'];

/** All event types, in the order of their numbers on the wire. */
export const EVENT_TYPES: readonly EventType[] = [
  'requestHeaders',
  'requestBodyChunk',
  'responseHeaders',
  'responseBodyChunk',
  'requestComplete',
  'webSocketFrame',
  'guardrailInspect',
  'configure',
];
