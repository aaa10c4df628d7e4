import type { Socket } from 'node:net';
import { AgentwireError, type HeaderList } from '@agentwire/core';
import { HeaderMap, stripHopByHop } from '@agentwire/headers';
import type { Pipeline } from '@agentwire/pipeline';
import { applyAgentOps, withFraming } from '@agentwire/pipeline/internal';
import type { Deadlines } from '../deadlines.ts';
import { clientOf, peerOf } from '../request/request-head.ts';
import { acceptKey } from './accept-key.ts';
import type { Message } from './frame-flow.ts';
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
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
  /** Name of the route; empty where there are no routes. */
  readonly routeId: string;
}

const EXTENSIONS = 'sec-websocket-extensions';

function without(headers: HeaderList, name: string): HeaderList {
  const map = new HeaderMap(headers);
  return map.has(name) ? (map.delete(name), map.toRaw()) : headers;
}

/** Handshake of one WebSocket with the upstream, and what passes after it. */
export class WebSocketUpgrade {
  readonly #deps: WebSocketUpgradeDeps;
  #pair: SocketPair | undefined;
  #earlyBytes = 0;
  /** Set where agents take frames, as they did when the request came. */
  #judged = false;

  constructor(deps: WebSocketUpgradeDeps) {
    this.#deps = deps;
  }

  /** Returns the request's lines for agents: with the upgrade that is asked for. */
  forAgents(lines: HeaderList): HeaderList {
    this.#judged = this.#deps.pipeline.judgesFrames;
    return [...this.#withoutExtensions(lines), 'upgrade', 'websocket'];
  }

  /** Returns the request's lines for the upstream, whose client writes `upgrade` itself. */
  forUpstream(lines: HeaderList): HeaderList {
    return without(this.#withoutExtensions(lines), 'upgrade');
  }

  /** Returns lines without extensions, which change what is in frames, where agents take those. */
  #withoutExtensions(lines: HeaderList): HeaderList {
    return this.#judged ? without(lines, EXTENSIONS) : lines;
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
  async run(raw: HeaderList, upstream: Socket): Promise<void> {
    const { signal } = this.#deps;
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
    const map = new HeaderMap(raw);
    this.#checkAccept(map);
    this.#checkExtensions(map);
    const headers = stripHopByHop(raw);
    if (!pipeline.judgesResponses) return applyAgentOps(headers, pipeline.responseOps);
    const head = { type: 'responseHeaders', id, status: 101, headers, hasBody: false } as const;
    return (await pipeline.onResponse(head)).headers;
  }

  #checkAccept(headers: HeaderMap): void {
    const key = String(this.#deps.response.req.headers['sec-websocket-key']);
    if (headers.get('sec-websocket-accept') !== acceptKey(key))
      throw new AgentwireError(
        'ERR_PROTOCOL',
        'the upstream answered another WebSocket handshake than the client began',
      );
  }

  /** Refuses an extension that was not offered: agents could not read what it does to frames. */
  #checkExtensions(headers: HeaderMap): void {
    if (this.#judged && headers.has(EXTENSIONS))
      throw new AgentwireError('ERR_PROTOCOL', 'the upstream uses a WebSocket extension that was not offered');
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
    if (this.#judged) await this.#judgeFrames(pair, early);
    else {
      passThrough(pair, early);
      await pair.closed;
    }
    if (!pair.clientLeft) return;
    // its connection is the response's no longer
    response.destroy();
    throw new AgentwireError('ERR_ABORTED', 'the client went away');
  }

  async #judgeFrames(pair: SocketPair, early: Uint8Array): Promise<void> {
    const { id, pipeline, response, options, routeId } = this.#deps;
    const { req } = response;
    const clientIp = clientOf(req, peerOf(req, options.proxies), options.proxies).address ?? '';
    const route = routeId === '' ? {} : { routeId };
    const counts = { client: 0, upstream: 0 };
    const judge = ({ opcode, data }: Message, clientToServer: boolean): Promise<boolean> => {
      const index = counts[clientToServer ? 'client' : 'upstream']++;
      return pipeline.judgeFrame({
        type: 'webSocketFrame',
        id,
        opcode,
        data,
        clientToServer,
        index,
        fin: true,
        clientIp,
        ...route,
      });
    };
    // `ws` is loaded where it is needed; neither side is read before
    const { JudgedFrames } = await import('./judged-frames.ts');
    const frames = new JudgedFrames({ pair, maxMessageBytes: options.maxWebSocketMessageBytes, judge });
    response.goAway = () => frames.goAway();
    frames.start(early);
    await pair.closed;
    if (frames.error !== undefined) throw frames.error;
  }
}
