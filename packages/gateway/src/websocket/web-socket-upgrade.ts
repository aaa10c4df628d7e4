import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { AgentwireError, type HeaderList } from '@agentwire/core';
import { HeaderMap, stripHopByHop } from '@agentwire/headers';
import type { Pipeline } from '@agentwire/pipeline';
import { applyAgentOps, withFraming } from '@agentwire/pipeline/internal';
import type { Deadlines } from '../deadlines.ts';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import { passThrough, SocketPair } from './socket-pair.ts';
import type { UpgradeResponse } from './upgrade-response.ts';

/** Collaborators of a {@link WebSocketUpgrade}. */
export interface WebSocketUpgradeDeps {
  readonly id: string;
  readonly options: ResolvedGatewayOptions;
  readonly pipeline: Pipeline;
  readonly deadlines: Deadlines;
  readonly response: UpgradeResponse;
}

/** Value that RFC 6455 §4.2.2 appends to the client's key. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

function without(headers: HeaderList, name: string): HeaderList {
  const map = new HeaderMap(headers);
  return map.has(name) ? (map.delete(name), map.toRaw()) : headers;
}

/** Handshake of one WebSocket with the upstream, and what passes after it. */
export class WebSocketUpgrade {
  readonly #deps: WebSocketUpgradeDeps;
  #pair: SocketPair | undefined;
  #earlyBytes = 0;

  constructor(deps: WebSocketUpgradeDeps) {
    this.#deps = deps;
  }

  /** Returns the request's lines for agents: with the upgrade that is asked for. */
  forAgents(lines: HeaderList): HeaderList {
    return [...lines, 'upgrade', 'websocket'];
  }

  /** Returns the request's lines for the upstream, whose client writes `upgrade` itself. */
  forUpstream(lines: HeaderList): HeaderList {
    return without(lines, 'upgrade');
  }

  /** Bytes that came from the client after the handshake. */
  get requestBytes(): number {
    return this.#earlyBytes + (this.#pair?.clientBytes ?? 0);
  }

  /** Bytes that came from the upstream after the handshake. */
  get responseBytes(): number {
    return this.#pair?.upstreamBytes ?? 0;
  }

  /**
   * Answers the client with the upstream's 101, and passes what follows until both connections are closed.
   *
   * @throws Refusal of an agent, or AgentwireError: `ERR_PROTOCOL` for a handshake that does not fit the client's,
   *   `ERR_ABORTED` when the client left
   */
  async run(raw: HeaderList, upstream: Socket, signal: AbortSignal): Promise<void> {
    const abort = (): void => void upstream.destroy();
    upstream.on('error', abort);
    signal.addEventListener('abort', abort);
    try {
      const headers = await this.#judgeHead(raw);
      signal.throwIfAborted();
      await this.#pass(headers, upstream);
    } catch (error) {
      upstream.destroy();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async #judgeHead(raw: HeaderList): Promise<HeaderList> {
    const { id, pipeline } = this.#deps;
    this.#checkAccept(new HeaderMap(raw));
    const headers = stripHopByHop(raw);
    if (!pipeline.judgesResponses) return applyAgentOps(headers, pipeline.responseOps);
    const head = { type: 'responseHeaders', id, status: 101, headers, hasBody: false } as const;
    return (await pipeline.onResponse(head)).headers;
  }

  #checkAccept(headers: HeaderMap): void {
    const key = String(this.#deps.response.req.headers['sec-websocket-key']);
    const accept = createHash('sha1')
      .update(key + KEY_SUFFIX)
      .digest('base64');
    if (headers.get('sec-websocket-accept') !== accept)
      throw new AgentwireError(
        'ERR_PROTOCOL',
        'the upstream answered another WebSocket handshake than the client began',
      );
  }

  async #pass(headers: HeaderList, upstream: Socket): Promise<void> {
    const { response, options, deadlines } = this.#deps;
    const lines = [
      'connection',
      'Upgrade',
      'upgrade',
      'websocket',
      ...withFraming(without(headers, 'upgrade'), undefined),
    ];
    const { client, early } = response.switchProtocols(lines);
    this.#earlyBytes = early.byteLength;
    const pair = new SocketPair({ client, upstream, deadlines, idleTimeoutMs: options.webSocketIdleTimeoutMs });
    this.#pair = pair;
    passThrough(pair, early);
    await pair.closed;
    if (!pair.clientLeft) return;
    // its connection is the response's no longer
    response.destroy();
    throw new AgentwireError('ERR_ABORTED', 'the client went away');
  }
}
