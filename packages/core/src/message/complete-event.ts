import type { Clock } from '../clock.ts';
import { AgentwireError } from '../errors.ts';
import { checkFinite, checkStatus, checkText, checkTexts, fault, isObject } from './decision-fault.ts';
import type { EventType, ProxyEvent, RequestMetadata } from './events.ts';

type Fields = Readonly<Record<string, unknown>>;
type Check = (event: Fields) => void;

const COUNT = Number.MAX_SAFE_INTEGER;

function checkOptional(value: unknown, check: (value: unknown, where: string) => void, where: string): void {
  if (value !== undefined) check(value, where);
}

function checkBoolean(value: unknown, where: string): void {
  if (typeof value !== 'boolean') throw fault(where, 'must be true or false');
}

function checkBytes(value: unknown, where: string): void {
  if (!(value instanceof Uint8Array)) throw fault(where, 'must be a Uint8Array');
}

/** Checks the type of a header list; its names and values are checked by the encoder. */
function checkLines(value: unknown): void {
  if (!Array.isArray(value) || value.length % 2 !== 0)
    throw fault('headers', 'must be an array of names and values in turn');
  for (let i = 0; i < value.length; i++)
    if (typeof value[i] !== 'string') throw fault(`headers[${i}]`, 'must be a string');
}

const checkChunk: Check = ({ index, data, last, totalSize, bytesTransferred }) => {
  checkStatus(index, 0, 0xffff_ffff, 'index');
  checkBytes(data, 'data');
  checkBoolean(last, 'last');
  if (totalSize !== undefined) checkStatus(totalSize, 0, COUNT, 'totalSize');
  if (bytesTransferred !== undefined) checkStatus(bytesTransferred, 0, COUNT, 'bytesTransferred');
};

const OPCODES: readonly unknown[] = ['continuation', 'text', 'binary', 'close', 'ping', 'pong'];
const INSPECTIONS: readonly unknown[] = ['prompt_injection', 'pii_detection'];

/** Check of every event type: a new one does not compile without. */
const CHECKS: Readonly<Record<EventType, Check>> = {
  requestHeaders({ method, uri, headers, hasBody }) {
    // the one event of most requests: calls are made for a fault only (`pnpm walk`: 1 file and 4 calls less)
    if (typeof method !== 'string') checkText(method, 'method');
    if (typeof uri !== 'string') checkText(uri, 'uri');
    if (hasBody !== undefined && typeof hasBody !== 'boolean') checkBoolean(hasBody, 'hasBody');
    checkLines(headers);
  },
  requestBodyChunk: checkChunk,
  responseHeaders({ status, headers, hasBody }) {
    checkStatus(status, 100, 999, 'status');
    checkLines(headers);
    checkOptional(hasBody, checkBoolean, 'hasBody');
  },
  responseBodyChunk: checkChunk,
  requestComplete({ status, durationMs, requestBodySize, responseBodySize, upstreamAttempts, error }) {
    checkStatus(status, 0, 999, 'status');
    checkFinite(durationMs, 'durationMs');
    checkStatus(requestBodySize, 0, COUNT, 'requestBodySize');
    checkStatus(responseBodySize, 0, COUNT, 'responseBodySize');
    checkStatus(upstreamAttempts, 0, 0xffff_ffff, 'upstreamAttempts');
    checkOptional(error, checkText, 'error');
  },
  webSocketFrame({ opcode, data, clientToServer, index, fin, routeId, clientIp }) {
    if (!OPCODES.includes(opcode)) throw fault('opcode', `must be one of ${OPCODES.join(', ')}`);
    checkBytes(data, 'data');
    checkBoolean(clientToServer, 'clientToServer');
    checkStatus(index, 0, COUNT, 'index');
    checkBoolean(fin, 'fin');
    checkOptional(routeId, checkText, 'routeId');
    checkText(clientIp, 'clientIp');
  },
  guardrailInspect({ inspectionType, content, model, categories, routeId, metadata }) {
    if (!INSPECTIONS.includes(inspectionType))
      throw fault('inspectionType', `must be one of ${INSPECTIONS.join(', ')}`);
    checkText(content, 'content');
    checkOptional(model, checkText, 'model');
    if (!Array.isArray(categories)) throw fault('categories', 'must be an array of strings');
    categories.forEach((one, index) => checkText(one, `categories[${index}]`));
    checkOptional(routeId, checkText, 'routeId');
    checkTexts(metadata, 'metadata');
  },
  configure: ({ configVersion }) => checkOptional(configVersion, checkText, 'configVersion'),
};

/** Members of the metadata that every wire has, with their values for *unknown*. */
const UNKNOWN = { requestId: '', clientIp: '', protocol: 'HTTP/1.1' } as const;
/** Check of every member: a new one does not compile without. */
const METADATA_CHECKS: Readonly<Record<keyof RequestMetadata, (value: unknown, where: string) => void>> = {
  correlationId: checkText,
  requestId: checkText,
  clientIp: checkText,
  clientPort: (value, where) => checkStatus(value, 0, 65_535, where),
  serverName: checkText,
  protocol: checkText,
  tlsVersion: checkText,
  tlsCipher: checkText,
  routeId: checkText,
  upstreamId: checkText,
  timestamp: checkText,
  traceparent: checkText,
};
const MEMBERS = Object.keys(METADATA_CHECKS) as (keyof RequestMetadata)[];

function completeMetadata(given: unknown, id: unknown, clock: Pick<Clock, 'wallNow'>): RequestMetadata {
  const metadata = given ?? {};
  if (!isObject(metadata)) throw fault('metadata', 'must be an object');
  for (const name of MEMBERS) checkOptional(metadata[name], METADATA_CHECKS[name], `metadata.${name}`);
  const { clientPort, correlationId, timestamp } = metadata;
  return {
    ...UNKNOWN,
    ...Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== undefined)),
    correlationId: (correlationId ?? String(id)) as string,
    clientPort: (clientPort ?? 0) as number,
    timestamp: (timestamp ?? new Date(clock.wallNow()).toISOString()) as string,
  };
}

/** Returns whether no member that wires need is missing, so that nothing has to be copied. */
function isComplete(metadata: unknown): boolean {
  if (typeof metadata !== 'object' || metadata === null) return false;
  const { correlationId, requestId, clientIp, clientPort, protocol, timestamp } = metadata as Fields;
  return (
    typeof correlationId === 'string' &&
    typeof requestId === 'string' &&
    typeof clientIp === 'string' &&
    typeof clientPort === 'number' &&
    clientPort >= 0 &&
    clientPort <= 65_535 &&
    typeof protocol === 'string' &&
    typeof timestamp === 'string'
  );
}

/** Checks the type of an event. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkEventType(type: unknown): asserts type is EventType {
  if (typeof type !== 'string' || !Object.hasOwn(CHECKS, type))
    throw fault('type', `of an event must be one of ${Object.keys(CHECKS).join(', ')}`);
}

/**
 * Checks an event before it is sent, so that a wrong field is refused alike on every transport, and fills in the metadata that a
 * head leaves out: `''`, port 0, `HTTP/1.1`, the time now, and the wire id as its correlation id.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` that names the field
 */
export function completeEvent<T extends ProxyEvent>(event: T, clock: Pick<Clock, 'wallNow'>): T {
  checkEventType(event.type);
  const check = CHECKS[event.type];
  try {
    check(event as unknown as Fields);
    if (event.type !== 'requestHeaders' || isComplete(event.metadata)) return event;
    return { ...event, metadata: completeMetadata(event.metadata, event.id, clock) };
  } catch (error) {
    if (!(error instanceof AgentwireError)) throw error;
    throw new AgentwireError(error.code, `${event.type} cannot be sent: ${error.message}`, {
      detail: error.detail ?? {},
    });
  }
}
