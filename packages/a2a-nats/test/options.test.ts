import { AgentwireError } from '@agentwire/core';
import { describe, expect, it } from 'vitest';
import { createNatsAuth, createNatsBackend, nodePermissions, tail } from '../src/index.ts';
import { resolveDurableInboxOptions } from '../src/durable-options.ts';

type Options = Readonly<Record<string, unknown>>;

/** No server listens there. */
const NOWHERE = 'nats://127.0.0.1:1';

/** Each public function that takes options: how it is called with them, and a right value of each. */
const TAKERS: Readonly<Record<string, readonly [(options: never) => unknown, Options]>> = {
  createNatsBackend: [
    createNatsBackend,
    {
      nodeId: 'a',
      servers: NOWHERE,
      auth: { user: 'u', pass: 'p' },
      prefix: 'p',
      durable: {},
      version: '1.0.0',
      metadata: { zone: 'b' },
      presenceIntervalMs: 50,
      micro: true,
      maxWaiting: 1,
      maxWaitingBytes: 1024,
      maxUnsentBytes: 1024,
      reconnectMs: 10,
      pingIntervalMs: 100,
      closeTimeoutMs: 10,
      logger: console,
      clock: undefined,
    },
  ],
  durable: [
    (durable) => createNatsBackend({ nodeId: 'a', servers: NOWHERE, durable }),
    {
      inboxes: ['a'],
      maxPerInbox: 1,
      maxBytes: 1024,
      maxAgeMs: 0,
      duplicateWindowMs: 100,
      replicas: 1,
      storage: 'memory',
      maxDelayed: 1,
      maxDelayedPerNode: 1,
      maxDelayedBytes: 1024,
      maxDeadLetters: 1,
      maxDeadPerNode: 1,
      maxDeadBytes: 1024,
      create: false,
    },
  ],
  auth: [
    (auth) => createNatsBackend({ nodeId: 'a', servers: NOWHERE, auth }),
    { user: 'u', pass: 'p', token: 't', tls: {}, authenticator: () => ({}) },
  ],
  openInbox: [
    resolveDurableInboxOptions,
    {
      pid: 0,
      concurrency: 1,
      maxAckPending: 1,
      ackWaitMs: 100,
      maxDeliver: 1,
      backoffMs: [0, 5],
      rememberedKeys: 1,
    },
  ],
  tail: [
    (options) => tail(NOWHERE, options).next(),
    { auth: {}, prefix: 'a2a', signal: AbortSignal.abort(), maxQueued: 1, onReady: () => undefined, clock: undefined },
  ],
  nodePermissions: [
    (grants) => nodePermissions('a', grants),
    { services: { serve: ['s'], call: ['s'] }, topics: { publish: ['t'] }, durable: true, micro: true, prefix: 'p' },
  ],
  createNatsAuth: [
    createNatsAuth,
    { user: 'u', password: 'p', tls: {}, nkey: undefined, creds: undefined, token: undefined },
  ],
};

const REQUIRED = new Set(['nodeId', 'servers']);

/** Values that no option has, whatever its type. */
const WRONG: readonly unknown[] = [Number.NaN, -1.5, Symbol('s'), '', () => 1, [Number.NaN], null];

/** The client takes null for no TLS, and lists of authenticators. */
function isRight(name: string, value: unknown, right: unknown): boolean {
  return (name === 'tls' && value === null) || (typeof value === 'function' && typeof (right ?? 0) === 'function');
}

async function outcome(call: (options: never) => unknown, options: unknown): Promise<unknown> {
  try {
    return await call(options as never);
  } catch (error) {
    return error;
  }
}

function isRefusal(found: unknown): boolean {
  return found instanceof AgentwireError && found.code === 'ERR_INVALID_ARGUMENT';
}

describe.each(Object.entries(TAKERS))('options: %s', (_taker, [call, right]) => {
  it('takes right values, and undefined for the default', async () => {
    expect(isRefusal(await outcome(call, right))).toBe(false);
    const unset = Object.entries(right).map(([name, value]) => [name, REQUIRED.has(name) ? value : undefined]);
    expect(isRefusal(await outcome(call, Object.fromEntries(unset)))).toBe(false);
  });

  it('refuses what is no such value, with its name, and keys that it does not know', async () => {
    for (const name of Object.keys(right)) {
      for (const value of WRONG) {
        if (isRight(name, value, right[name])) continue;
        const found = await outcome(call, { ...right, [name]: value });
        expect([name, typeof value, isRefusal(found) ? 'refused' : found]).toEqual([name, typeof value, 'refused']);
      }
    }
    const unknown = await outcome(call, { ...right, unheardOf: 1 });
    expect(unknown).toMatchObject({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringContaining('"unheardOf"') });
    for (const options of [5, 'x', [], null]) expect(isRefusal(await outcome(call, options))).toBe(true);
  });
});
