// The reference agent on grpc-js: prints "listening grpc://HOST:PORT" when it accepts connections.
import { parseArgs } from 'node:util';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import * as decide from './decisions.ts';
import { AgentServiceV2, CHANNEL_OPTIONS, type Json } from './service.ts';

/** State of one request on one connection. */
interface Remembered extends decide.Request {
  cancel?: () => void;
}

type Stream = ServerDuplexStream<Json, Json>;
type Event = Json & { readonly correlationId: string; readonly content?: string; readonly configJson?: string };

function processStream(stream: Stream): void {
  const requests = new Map<string, Remembered>();
  const of = (id: string): Remembered => {
    const known = requests.get(id) ?? { path: '', body: [] };
    requests.set(id, known);
    return known;
  };
  const answer = (id: string, response: Json): void => {
    stream.write({ response: { correlationId: id, ...response } });
  };
  const head = (event: Json): void => {
    const { correlationId: id } = event['metadata'] as Event;
    const target = new URL(String(event['uri']), 'http://agent');
    const known: Remembered = { path: target.pathname, body: [] };
    requests.set(id, known);
    if (known.path !== '/slow')
      return answer(
        id,
        guarded(() => decide.requestHeaders(known.path)),
      );
    const timer = setTimeout(() => answer(id, decide.SEEN), Number(target.searchParams.get('ms')));
    known.cancel = () => clearTimeout(timer);
  };
  const handlers: Readonly<Record<string, (event: Event) => void>> = {
    handshake: () => void stream.write({ handshake: decide.HANDSHAKE }),
    requestHeaders: head,
    requestBodyChunk: (chunk) => answer(chunk.correlationId, decide.requestBody(of(chunk.correlationId), chunk)),
    responseHeaders: (event) => answer(event.correlationId, decide.responseHeaders(of(event.correlationId), event)),
    responseBodyChunk: (chunk) => answer(chunk.correlationId, decide.responseBody(of(chunk.correlationId), chunk)),
    requestComplete: ({ correlationId }) => void requests.delete(correlationId),
    websocketFrame: (frame) => answer(frame.correlationId, decide.webSocket(frame)),
    guardrail: (event) => answer(event.correlationId, decide.guardrail(event.content ?? '')),
    configure: (event) => {
      // without an id it is a heartbeat, or of a proxy that waits for no answer
      if (event.correlationId !== undefined) answer(event.correlationId, decide.configure(String(event['configJson'])));
    },
    cancel: ({ correlationId }) => requests.get(correlationId)?.cancel?.(),
    cancelAll: () => {
      for (const { cancel } of requests.values()) cancel?.();
    },
    ping: (ping) => {
      const { sequence, timestampMs } = ping;
      stream.write({ pong: { sequence, pingTimestampMs: timestampMs, timestampMs: String(Date.now()) } });
    },
  };
  stream.on('data', (message: Json) => {
    for (const [name, event] of Object.entries(message)) handlers[name]?.(event as Event);
  });
  stream.on('end', () => stream.end());
  stream.on('error', () => stream.destroy());
}

/** A handler that fails is a block, and never takes the connection with it. */
function guarded(handler: () => Json): Json {
  try {
    return handler();
  } catch {
    return decide.block(500);
  }
}

const { values } = parseArgs({ options: { grpc: { type: 'string', default: '127.0.0.1:0' } } });
const server = new Server(CHANNEL_OPTIONS);
server.addService(AgentServiceV2.service, { ProcessStream: processStream });
server.bindAsync(values.grpc, ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`listening grpc://${values.grpc.slice(0, values.grpc.lastIndexOf(':'))}:${port}\n`);
});
