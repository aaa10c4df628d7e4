import type { Readable } from 'node:stream';
import { AgentwireError, type HeaderList } from '@agentwire/core';
import { type Dispatcher, Pool } from 'undici';
import type { ResolvedGatewayOptions } from './options.ts';

/** What is sent to the upstream. */
export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
  readonly signal: AbortSignal;
}

/** What comes back: callbacks in order, the last one of `onEnd` and `onError` once. */
export interface UpstreamResponse {
  /** @returns whether the body may flow; else call `resume` of the control later */
  onHead(status: number, headers: HeaderList, control: UpstreamControl): boolean;
  onData(chunk: Uint8Array): boolean;
  onEnd(): void;
  onError(error: Error): void;
}

/** Lets a response that was held flow, or ends it. */
export interface UpstreamControl {
  resume(): void;
  abort(error: Error): void;
}

function rawList(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((part: Buffer | string) => (typeof part === 'string' ? part : part.toString('latin1')));
}

/** Errors of undici that say where the fault was. */
function asError(error: Error): Error {
  const code = 'code' in error ? error.code : undefined;
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') {
    return new AgentwireError('ERR_TIMEOUT', 'the upstream did not answer in time', { cause: error });
  }
  if (typeof code === 'string' && (code.startsWith('E') || code.startsWith('UND_ERR_SOCKET'))) {
    return new AgentwireError('ERR_CONNECT', `the upstream could not be reached: ${code}`, { cause: error });
  }
  return error;
}

/** Connections to the one upstream of a gateway. */
export class Upstream {
  readonly #pool: Pool;

  constructor(options: ResolvedGatewayOptions) {
    this.#pool = new Pool(options.upstream.origin, {
      connections: options.upstreamConnections,
      headersTimeout: options.upstreamTimeoutMs,
      bodyTimeout: options.upstreamTimeoutMs,
      connectTimeout: options.upstreamTimeoutMs,
      pipelining: 1,
    });
  }

  /** Sends a request; the response comes through its callbacks. */
  send(request: UpstreamRequest, response: UpstreamResponse): void {
    const { signal } = request;
    let control: Dispatcher.DispatchController | undefined;
    const onAbort = (): void => control?.abort(signal.reason as Error);
    const finish = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    const options: Dispatcher.DispatchOptions = {
      method: request.method,
      path: request.path,
      headers: request.headers as string[],
      body: request.body as Readable | null,
    };
    this.#pool.dispatch(options, {
      onRequestStart(controller) {
        control = controller;
        if (signal.aborted) onAbort();
      },
      onResponseStart(controller, status) {
        if (status < 200) return;
        const flow = response.onHead(status, rawList(controller.rawHeaders), controller);
        if (!flow) controller.pause();
      },
      onResponseData(controller, chunk) {
        // after a pause the parser may report nothing first; a pause on that would go on for ever
        if (chunk.length > 0 && !response.onData(chunk)) controller.pause();
      },
      onResponseEnd() {
        finish();
        response.onEnd();
      },
      onResponseError(_controller, error) {
        finish();
        response.onError(asError(error));
      },
    });
  }

  /** Ends idle connections and waits for busy ones. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  /** Ends every connection now. */
  abort(): Promise<void> {
    return this.#pool.destroy();
  }
}
