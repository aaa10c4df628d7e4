import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import type { AgentRequestCore, QueuedEvent } from './agent-request.ts';

/** Body bytes that may wait behind running handlers on one connection. */
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;

function bytesOf(event: QueuedEvent): number {
  return event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk' ? event.data.byteLength : 0;
}

/** The events of one connection that wait behind running handlers: in the queues of their requests, with one bound. */
export class EventQueues {
  readonly #connection: Connection;
  readonly #maxPerRequest: number;
  #bytes = 0;

  constructor(connection: Connection, maxPerRequest: number) {
    this.#connection = connection;
    this.#maxPerRequest = maxPerRequest;
  }

  /** Puts an event behind the others of its request. @throws AgentwireError `ERR_OVERLOADED` when too much waits. */
  add(request: AgentRequestCore, event: QueuedEvent): void {
    const queue = (request.queue ??= []);
    const bytes = this.#bytes + bytesOf(event);
    if (queue.length >= this.#maxPerRequest || bytes > MAX_QUEUED_BYTES) {
      // dropping one would shift every later answer of this request by one, so nothing less than the end is right
      const why = `${queue.length} events of one request and ${this.#bytes} bytes wait on ${this.#connection.id}`;
      throw new AgentwireError('ERR_OVERLOADED', why);
    }
    this.#bytes = bytes;
    queue.push(event);
  }

  /** Takes the oldest event of a request, if one waits. */
  take(request: AgentRequestCore): QueuedEvent | undefined {
    const event = request.queue?.shift();
    if (event !== undefined) this.#bytes -= bytesOf(event);
    return event;
  }

  /** What waits for this request is for nobody and no longer counts. */
  giveUp(request: AgentRequestCore): void {
    for (const event of request.queue ?? []) this.#bytes -= bytesOf(event);
  }
}
