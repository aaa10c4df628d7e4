import { createMemoryTransport } from '@agentwire/transport-memory';
import { expect, it } from 'vitest';
import { listCases, runCase, testTransport, type TransportUnderTest } from '@agentwire/transport-compliance';

interface Declared {
  readonly name: string;
  readonly skipped: boolean;
  readonly body: () => Promise<void>;
}

/** Declares the tests of a subject with a runner that only writes down. */
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

it('declares one test for every case', () => {
  expect([...declare({}).keys()]).toEqual(listCases().map((one) => one.id));
});

it('skips what the medium cannot do, and says why', () => {
  const declared = declare({ features: { reverse: false, pause: true } });
  expect(declared.get('message.reverse')).toMatchObject({
    skipped: true,
    name: expect.stringContaining('(needs reverse)'),
  });
  expect(declared.get('pause.holds')?.skipped).toBe(false);
});

it('fails a known failure that holds, and passes one that fails', async () => {
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

it('refuses ids and features that it does not have', () => {
  expect(() => declare({ knownFailures: ['open.nothing'] })).toThrow('open.nothing, which is no case of the kit');
  expect(() => declare({ features: { telepathy: false } as never })).toThrow('features has no option "telepathy"');
});

it('says what a case waited for when it hangs, and what the medium holds when it leaks', async () => {
  const first = listCases()[0];
  if (first === undefined) throw new Error('the kit has no cases');
  const subject: TransportUnderTest = {
    name: 'leaky',
    create: ({ clock }) => createMemoryTransport({ clock }),
    address: () => 'memory:x',
    leaks: () => 3,
    patienceMs: 50,
    runner: { describe: (_name, body) => body(), test: () => undefined },
  };
  await expect(runCase(first, subject)).rejects.toThrow(
    'open.once took longer than 50 ms, waiting for the medium to hold nothing, it holds 3',
  );
});

it('compares what arrives with what the medium says it makes of a message', async () => {
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
  await expect(runCase(cancel, subject)).rejects.toThrow();
  await expect(runCase(cancel, { ...subject, arrivesAs: (sent) => sent })).resolves.toBeUndefined();
});
