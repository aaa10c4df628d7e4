import type { Clock } from '@agentwire/core';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, test } from 'vitest';
import { arrivesIn, listCases, runCase, testTransport, type TransportUnderTest } from '@agentwire/transport-compliance';

interface Declared {
  readonly name: string;
  readonly skipped: boolean;
  readonly body: () => Promise<void>;
}

/** Declares the tests of a subject with a runner that only records them. */
function declare(options: Partial<TransportUnderTest>): Map<string, Declared> {
  const declared = new Map<string, Declared>();
  const note =
    (skipped: boolean) =>
    (name: string, body: () => Promise<void>): void =>
      void declared.set(name.slice(0, name.indexOf(':')), { name, skipped, body });
  let addresses = 0;
  testTransport({
    name: 'memory',
    create: ({ clock }) => createMemoryTransport({ clock }),
    address: () => `memory:n${(addresses += 1)}`,
    runner: { describe: (_name, body) => body(), test: Object.assign(note(false), { skip: note(true) }) },
    ...options,
  });
  return declared;
}

test('declares one test for every case', () => {
  expect([...declare({}).keys()]).toEqual(listCases().map((one) => one.id));
});

test('skips cases that the medium cannot pass, with the reason', () => {
  const declared = declare({ features: { reverse: false, pause: true } });
  expect(declared.get('message.reverse')).toMatchObject({
    skipped: true,
    name: expect.stringContaining('(needs reverse)'),
  });
  expect(declared.get('pause.holds')?.skipped).toBe(false);
  expect(declared.get('message.malformed')?.name).toContain('(needs malform)');
  expect(declare({ malform: () => undefined }).get('message.malformed')?.skipped).toBe(false);
});

test('fails a known failure that holds, and passes one that fails', async () => {
  const known = { knownFailures: ['open.once', 'listen.count'] };
  const body = declare(known).get('open.once')?.body;
  await expect(body?.()).rejects.toThrow('open.once holds now: take it out of knownFailures');
  let addresses = 0;
  const create: TransportUnderTest['create'] = ({ clock }) => {
    const memory = createMemoryTransport({ clock });
    return {
      ...memory,
      listen: (_address, options) =>
        memory.listen(`memory:other-${(addresses += 1)}`, { ...options, maxConnections: 1 }),
    };
  };
  const broken = declare({ ...known, create, knownFailures: ['listen.close'] });
  await expect(broken.get('listen.close')?.body()).resolves.toBeUndefined();
});

test('refuses ids and features that it does not have', () => {
  expect(() => declare({ knownFailures: ['open.nothing'] })).toThrow('open.nothing, which is no case of the kit');
  expect(() => declare({ features: { telepathy: false } as never })).toThrow('features has no option "telepathy"');
});

test('names what a case waited for when it hangs, and fails a leak in about a second', async () => {
  const first = listCases()[0];
  if (first === undefined) throw new Error('the kit has no cases');
  let held = 2;
  const subject: TransportUnderTest = {
    name: 'leaky',
    // two are those of another case, and each case leaves three
    create: ({ clock }) => {
      held += 3;
      return createMemoryTransport({ clock });
    },
    address: () => 'memory:x',
    leaks: () => held,
    runner: { describe: (_name, body) => body(), test: () => undefined },
  };
  const from = performance.now();
  await expect(runCase(first, subject)).rejects.toThrow(
    'the medium still holds 3 (leaks): end its sockets and servers',
  );
  expect(performance.now() - from).toBeLessThan(10_000);
  await expect(runCase(first, { ...subject, caseTimeoutMs: 50 })).rejects.toThrow(
    'open.once took longer than 50 ms, waiting for an end to this: the medium still holds 3',
  );
  const tight = { ...subject, create: ({ clock }: { clock: Clock }) => createMemoryTransport({ clock }) };
  await expect(runCase(first, tight)).resolves.toBeUndefined();
});

test('compares an arrived message with arrivesAs, and names it when they differ', async () => {
  const cancel = listCases().find((one) => one.id === 'message.cancel');
  if (cancel === undefined) throw new Error('the kit has no message.cancel');
  let addresses = 0;
  const subject: TransportUnderTest = {
    name: 'lossy',
    create: ({ clock }) => createMemoryTransport({ clock }),
    address: () => `memory:n${(addresses += 1)}`,
    arrivesAs: (sent) => (sent.type === 'cancel' ? { ...sent, reason: 'timeout' } : sent),
    runner: { describe: (_name, body) => body(), test: () => undefined },
  };
  await expect(runCase(cancel, subject)).rejects.toThrow(
    'cancel arrived changed. A loss of the medium is declared with arrivesAs; arrivesIn(dialect, encoding) has the known losses',
  );
  await expect(runCase(cancel, { ...subject, arrivesAs: (sent) => sent })).resolves.toBeUndefined();
});

test('tells of a failed case with needs how a medium that lacks them declares it', async () => {
  const dials = listCases().find((one) => one.id === 'connect.reverse');
  if (dials === undefined) throw new Error('the kit has no connect.reverse');
  const subject: TransportUnderTest = {
    name: 'one way',
    create: ({ clock }) => ({
      ...createMemoryTransport({ clock }),
      connect: () => Promise.reject(new Error('only proxies dial')),
    }),
    address: () => 'memory:one-way',
    runner: { describe: (_name, body) => body(), test: () => undefined },
  };
  await expect(runCase(dials, subject)).rejects.toThrow(
    'only proxies dial\nIf the medium cannot do this, declare it: features: { reverse: false }.',
  );
});

test('has the known losses of the dialects', () => {
  const cancel = { type: 'cancel', id: 1, reason: 'manual', timestampMs: 5 } as const;
  const head = { type: 'responseHeaders', id: 'r', status: 200, headers: [], hasBody: true } as const;
  expect(arrivesIn('documented', 'json')(cancel)).toEqual({ type: 'cancel', id: 1, reason: 'manual' });
  expect(arrivesIn('documented', 'json')(head)).toBe(head);
  expect(arrivesIn('zentinel', 'msgpack')(cancel)).toBe(cancel);
  expect(arrivesIn('zentinel', 'msgpack')(head)).toEqual({ ...head, hasBody: undefined });
  expect(arrivesIn('documented', 'protobuf')(cancel)).toBe(cancel);
});
