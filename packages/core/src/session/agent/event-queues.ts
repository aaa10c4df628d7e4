import type { Connection } from '../../contract/connection.ts';
import { AgentwireError } from '../../errors.ts';
import type { AgentRequestCore, QueuedEvent } from './agent-request.ts';

/** Limit of queued body bytes per connection. */
const MAX_QUEUED_BYTES = 32 * 1024 * 1024;

function bytesOf(event: QueuedEvent): number {
  return event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk' ? event.data.byteLength : 0;
}

/** Queues of one connection's requests: events behind running handlers, with one limit for all of them. */
export class EventQueues {
  readonly #connection: Connection;
  readonly #maxPerRequest: number;
  #bytes = 0;

  constructor(connection: Connection, maxPerRequest: number) {
    this.#connection = connection;
    this.#maxPerRequest = maxPerRequest;
  }

  /** Queues an event of a request. @throws AgentwireError `ERR_OVERLOADED` at a limit */
  add(request: AgentRequestCore, event: QueuedEvent): void {
    const queue = (request.queue ??= []);
    const bytes = this.#bytes + bytesOf(event);
    if (queue.length >= this.#maxPerRequest || bytes > MAX_QUEUED_BYTES) {
      // a dropped event would shift every later answer of its request by one: only the connection's end is safe
      const why = `${queue.length} events of one request and ${this.#bytes} bytes wait on ${this.#connection.id}`;
      throw new AgentwireError('ERR_OVERLOADED', why);
    }
    this.#bytes = bytes;
    queue.push(event);
  }

  /** Takes the oldest event of a request, if there is one. */
  take(request: AgentRequestCore): QueuedEvent | undefined {
    const event = request.queue?.shift();
    if (event !== undefined) this.#bytes -= bytesOf(event);
    return event;
  }

  /** Stops counting the queue of a request that is dropped. */
  discard(request: AgentRequestCore): void {
    for (const event of request.queue ?? []) this.#bytes -= bytesOf(event);
  }
}
