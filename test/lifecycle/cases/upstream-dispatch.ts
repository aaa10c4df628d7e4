import { PassThrough } from 'node:stream';
import { UPSTREAM_DISPATCH_LIFECYCLE, UpstreamDispatch } from '@agentwire/gateway/internal';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** One request to an upstream whose connection and response are caused by hand, as undici calls its handlers. */
export const upstreamDispatch: LifecycleCase = {
  name: 'upstream request',
  lifecycle: UPSTREAM_DISPATCH_LIFECYCLE,
  create() {
    let flows = true;
    const dispatch = new UpstreamDispatch(
      {
        timeoutMs: 1,
        idleTimeoutMs: 1,
        queueTimeoutMs: 1,
        target: 'http://127.0.0.1:1',
        now: () => 0,
        release: () => undefined,
        evictSlowest: () => false,
      },
      { method: 'GET', path: '/', headers: [], body: null, client: undefined },
      {
        stalledSince: undefined,
        onHead: () => true,
        onData: () => flows,
        onEnd: () => undefined,
        onUpgrade: () => undefined,
        onError: () => undefined,
        evict: () => undefined,
      },
    );
    const exchange = { rawHeaders: [], rawTrailers: [], headOnly: false, abort: () => undefined };
    const connection = { gate: undefined, dispatch: () => undefined } as unknown as Parameters<
      UpstreamDispatch['send']
    >[0];
    const isPending = (): boolean => dispatch.state === 'sent' || dispatch.state === 'body';
    return {
      state: () => dispatch.state,
      events: {
        send() {
          if (dispatch.state !== 'queued') return;
          dispatch.send(connection);
          dispatch.onRequestStart(exchange);
        },
        head() {
          // an informational response is none
          dispatch.onResponseStart(exchange, 103);
          if (dispatch.state === 'sent') dispatch.onResponseStart(exchange, 200);
        },
        upgrade() {
          if (dispatch.state === 'sent') dispatch.onRequestUpgrade(exchange, new PassThrough());
        },
        end() {
          if (dispatch.state === 'body') dispatch.onResponseEnd(exchange);
        },
        'end while stopped'() {
          if (dispatch.state !== 'body') return;
          flows = false;
          dispatch.onResponseData(new Uint8Array(1));
          dispatch.onResponseEnd(exchange);
        },
        'upstream failed'() {
          if (isPending()) dispatch.onResponseError(new Error('reset'));
        },
        resume() {
          flows = true;
          dispatch.resume();
        },
        abort: () => dispatch.abort(new Error('the client left')),
      },
    };
  },
};
