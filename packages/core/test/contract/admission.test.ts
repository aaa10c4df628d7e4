import { describe, expect, it } from 'vitest';
import { Admission, AgentwireError, type Hello, type ListenOptions } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';

const SELF: Hello = { role: 'agent', name: 'a', version: '1', features: [], encodings: ['json'] };
const PEER: Hello = { ...SELF, role: 'proxy', name: 'p' };

function setup(options: Partial<ListenOptions> = {}): {
  admission: Admission;
  clock: ReturnType<typeof createManualClock>;
} {
  const clock = createManualClock();
  const onConnection = (): never => expect.unreachable();
  return { clock, admission: new Admission({ self: SELF, onConnection, ...options }, clock) };
}

describe('Admission', () => {
  it('admits a peer without authorize, and leaves no timer', async () => {
    const { admission, clock } = setup();
    const peer = admission.begin();
    await peer.authorize(PEER, {});
    const leave = admission.enter();
    peer.done();
    expect([admission.connectionCount, clock.pendingTimers, peer.signal.aborted]).toEqual([1, 0, false]);
    leave();
    leave();
    expect(admission.connectionCount).toBe(0);
  });

  it('counts a refused peer until its medium is closed, and drops it at its deadline', () => {
    const { admission, clock } = setup({ handshakeTimeoutMs: 50 });
    const dropped: string[] = [];
    const [slow, quick] = [1, 2].map(() => admission.begin(({ code }) => dropped.push(code)));
    for (const peer of [slow, quick]) peer?.refuse(new AgentwireError('ERR_REFUSED', 'no'));
    expect(admission.pendingCount).toBe(2);
    quick?.done();
    clock.advance(50);
    expect([admission.pendingCount, dropped, slow?.signal.reason]).toEqual([
      0,
      ['ERR_TIMEOUT'],
      expect.objectContaining({ code: 'ERR_REFUSED' }),
    ]);
  });

  it('fails a peer at its deadline, and ignores a later result of authorize', async () => {
    const decision = Promise.withResolvers<void>();
    const { admission, clock } = setup({ handshakeTimeoutMs: 50, authorize: () => decision.promise });
    const peer = admission.begin();
    const outcome = peer.authorize(PEER, {});
    clock.advance(50);
    expect(peer.signal.reason).toMatchObject({ code: 'ERR_TIMEOUT' });
    decision.resolve();
    await expect(outcome).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('evicts the oldest pending handshake, also within one tick', () => {
    const { admission, clock } = setup({ maxPendingHandshakes: 2 });
    const peers = [admission.begin(), admission.begin(), admission.begin(), admission.begin()];
    expect(peers.map((peer) => peer.signal.aborted)).toEqual([true, true, false, false]);
    expect(clock.pendingTimers).toBe(2);
  });

  it('wraps what authorize throws, and keeps errors that are known', async () => {
    const plain = setup({ authorize: () => Promise.reject(new Error('no')) }).admission.begin();
    await expect(plain.authorize(PEER, {})).rejects.toMatchObject({ code: 'ERR_UNAUTHORIZED', message: 'no' });
    const known = new AgentwireError('ERR_OVERLOADED', 'later');
    const throwing = setup({
      authorize() {
        throw known;
      },
    }).admission.begin();
    await expect(throwing.authorize(PEER, {})).rejects.toBe(known);
  });

  it('holds a refused peer for refusalDelayMs, without a slot of the pending ones and up to a limit', async () => {
    const unauthorized = new AgentwireError('ERR_UNAUTHORIZED', 'no');
    const { admission, clock } = setup({
      maxPendingHandshakes: 1,
      handshakeTimeoutMs: 1_000,
      authorize: () => Promise.reject(unauthorized),
      refusalDelayMs: (refusal, address) => (refusal === unauthorized && address === 'bad' ? 100 : 0),
    });
    const first = admission.begin();
    let told: unknown;
    const outcome = first.authorize(PEER, { address: 'bad' }).catch((error: unknown) => (told = error));
    await new Promise(setImmediate);
    expect([admission.pendingCount, admission.heldCount]).toEqual([0, 1]);
    const second = admission.begin();
    expect([first.signal.aborted, second.signal.aborted]).toEqual([false, false]);
    clock.advance(99);
    await new Promise(setImmediate);
    expect(told).toBeUndefined();
    clock.advance(1);
    await outcome;
    expect(told).toBe(unauthorized);
    first.done();
    await expect(second.authorize(PEER, { address: 'good' })).rejects.toBe(unauthorized);
    second.done();
    expect([admission.pendingCount, admission.heldCount, clock.pendingTimers]).toEqual([0, 0, 0]);
    const dropped: string[] = [];
    for (let at = 0; at < 513; at++) {
      const peer = admission.begin(({ code }) => dropped.push(code));
      void peer.authorize(PEER, { address: 'bad' }).catch(() => undefined);
      await new Promise(setImmediate);
    }
    expect([admission.heldCount, dropped]).toEqual([512, ['ERR_OVERLOADED']]);
    admission.close();
    expect([admission.heldCount, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('refuses past maxConnections and when it is closed', () => {
    const { admission, clock } = setup({ maxConnections: 1 });
    admission.enter();
    expect(() => admission.enter()).toThrow('the listener has 1 connections, its limit');
    const peer = admission.begin();
    admission.close();
    admission.close();
    expect([peer.signal.aborted, clock.pendingTimers]).toEqual([true, 0]);
    expect(() => admission.enter()).toThrow('the listener was closed');
  });

  it('names a number that is out of range', () => {
    expect(() => setup({ maxPendingHandshakes: 0 })).toThrow('maxPendingHandshakes must be an integer from 1 to 65536');
  });
});
