import type { ServerResponse } from 'node:http';
import { formatSSEErrorEvent, formatSSEEvent, SSE_HEADERS } from '@a2a-js/sdk';
import type { ResolvedBridgeOptions } from '../bridge-options.ts';
import { rpcError, rpcFailure, type RpcId, sendJson } from './rpc-answer.ts';

type Options = Pick<ResolvedBridgeOptions, 'maxUnreadBytes' | 'keepAliveMs' | 'clock' | 'logger'>;

/**
 * Writes a stream of events, or a plain JSON answer if it fails before its first one.
 *
 * Events are taken to the end also when the client has left: taking them is what keeps the task. One that does not read is disconnected.
 */
export async function writeEvents(
  response: ServerResponse,
  id: RpcId,
  events: AsyncGenerator<unknown, void, undefined>,
  drains: boolean,
  options: Options,
): Promise<void> {
  const { logger } = options;
  let writer: EventWriter | undefined;
  try {
    for await (const event of events) {
      writer ??= new EventWriter(response, options);
      writer.write(formatSSEEvent(event));
      if (writer.gone && !drains) break;
    }
    writer ??= new EventWriter(response, options);
  } catch (error) {
    const failure = rpcFailure(id, rpcError(error, logger));
    if (writer === undefined) sendJson(response, 200, failure);
    else writer.write(formatSSEErrorEvent(failure));
  }
  writer?.end();
}

/** Event stream of one client, bounded in what it has not read. */
class EventWriter {
  readonly #response: ServerResponse;
  readonly #options: Options;
  #timer: unknown;

  constructor(response: ServerResponse, options: Options) {
    this.#response = response;
    this.#options = options;
    if (!this.gone) response.writeHead(200, SSE_HEADERS);
    this.#keepAlive();
  }

  get gone(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  write(text: string): void {
    const { maxUnreadBytes, logger } = this.#options;
    if (this.gone) return;
    this.#response.write(text);
    if (this.#response.writableLength <= maxUnreadBytes) return;
    logger.warn({ unread: this.#response.writableLength }, 'a client was disconnected: it does not read its events');
    this.#response.destroy();
  }

  end(): void {
    this.#options.clock.clearTimeout(this.#timer);
    if (!this.gone) this.#response.end();
  }

  #keepAlive(): void {
    const { clock, keepAliveMs } = this.#options;
    this.#timer = clock.setTimeout(() => {
      if (this.gone) return;
      this.write(': \n\n');
      this.#keepAlive();
    }, keepAliveMs);
  }
}
