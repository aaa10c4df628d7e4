import { addAbortListener, once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { containedAbortController } from '../src/contained-abort.ts';

describe('an abort controller for the code of others', () => {
  it('gives what any kind of listener throws to onError, and tells the other listeners', async () => {
    const errors: unknown[] = [];
    const told: string[] = [];
    const controller = containedAbortController((error) => errors.push(error));
    const { signal } = controller;
    const fail = (name: string): never => {
      throw name as unknown as Error;
    };
    signal.addEventListener('abort', () => fail('function'));
    // oxlint-disable-next-line typescript/no-misused-promises -- users have this too
    signal.addEventListener('abort', async () => fail('async'));
    signal.addEventListener('abort', { handleEvent: () => fail('object') });
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- users have this too
    signal.onabort = () => fail('onabort');
    const removed = (): void => void told.push('removed');
    signal.addEventListener('abort', removed);
    signal.removeEventListener('abort', removed);
    signal.addEventListener('abort', ({ target }) => told.push(`last ${target === signal}`), { once: true });
    controller.abort(new Error('over'));
    // the async one is told of by its promise, which a turn of the event loop has settled
    await new Promise((resolve) => setImmediate(resolve));
    expect(new Set(errors)).toEqual(new Set(['function', 'async', 'object', 'onabort']));
    expect(told).toEqual(['last true']);
  });

  it('is an AbortSignal for whatever takes one', async () => {
    const controller = containedAbortController(() => undefined);
    const { signal } = controller;
    expect(signal).toBeInstanceOf(AbortSignal);
    const told: string[] = [];
    using _ = addAbortListener(signal, () => void told.push('addAbortListener'));
    const any = AbortSignal.any([signal]);
    const waiting = wait(60_000, undefined, { signal });
    const fetched = fetch('http://127.0.0.1:9/', { signal });
    const happened = once(signal, 'abort');
    const kept = (): void => void told.push('onabort');
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- users have this too
    signal.onabort = kept;
    expect(signal.onabort).toBe(kept);
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- users have this too
    signal.onabort = null;
    controller.abort(new Error('over'));
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    await expect(fetched).rejects.toBeInstanceOf(Error);
    await happened;
    expect(any.aborted).toBe(true);
    expect(told).toEqual(['addAbortListener']);
  });
});
