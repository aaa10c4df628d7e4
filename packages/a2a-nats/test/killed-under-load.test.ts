import { type ChildProcess, spawn } from 'node:child_process';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type A2AEndpoint, payload, target } from '@agentwire/a2a-router';
import { startNode, type TestNode, until } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heapBytes = (): number => {
  collect();
  return process.memoryUsage().heapUsed;
};

const COUNT = 1000;
/** Messages that a node handles at once. */
const IN_HAND = 32;
/** Heap that 1000 requests and 1000 messages may leave behind: what Node and the client keep for the next ones. */
const KEPT_BYTES = 8 * 1024 * 1024;
const OFTEN = { durable: {}, presenceIntervalMs: 100, reconnectMs: 20 };
const NUMBERS = Array.from({ length: COUNT }, (_, number) => number);
const orders = target.remoteNode('b', target.service('orders'));

/** Handlers of one process, by what it wrote. */
interface Handlers {
  readonly running: Set<number>;
  readonly ended: Map<number, number>;
  readonly twice: number[];
}

const makeHandlers = (): Handlers => ({ running: new Set(), ended: new Map(), twice: [] });

function begin({ running, twice }: Handlers, number: number): void {
  if (running.has(number)) twice.push(number);
  running.add(number);
}

function end({ running, ended }: Handlers, number: number): void {
  running.delete(number);
  ended.set(number, (ended.get(number) ?? 0) + 1);
}

/** A process with the durable inbox. */
class Child {
  readonly handlers = makeHandlers();
  readonly process: ChildProcess;
  readonly ready: Promise<void>;
  readonly gone: Promise<void>;

  constructor(url: string) {
    const script = fileURLToPath(new URL('./loaded-process.ts', import.meta.url));
    const args = ['--conditions=@agentwire/source', script, url];
    this.process = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.gone = new Promise((resolve) => this.process.on('close', () => resolve()));
    this.ready = new Promise((resolve) => {
      let rest = '';
      this.process.stdout?.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          if (line === 'ready') resolve();
          else if (line.startsWith('+')) begin(this.handlers, Number(line.slice(1)));
          else end(this.handlers, Number(line.slice(1)));
        }
      });
    });
  }

  /** Has it connect; it is loaded before. */
  async start(): Promise<void> {
    this.process.stdin?.write('start\n');
    await this.ready;
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.gone;
  }
}

describe.skipIf(!hasServer)(`under 1000 requests and 1000 durable messages${unlessServer}`, { timeout: 60_000 }, () => {
  let server: TestServer;
  let a: TestNode;
  let one: A2AEndpoint;
  const closing: (() => Promise<void>)[] = [];
  beforeEach(async () => {
    server = await startServer();
    a = await startNode('a', server.url, OFTEN, { maxPendingRequests: 10_000 });
    one = a.add('one');
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    await a.close();
    await server.stop();
  });
  /** Sends a number and tells whether that was accepted; the key makes it safe to try again. */
  const order = (number: number): Promise<boolean> =>
    one.send(orders, payload.json(number), { durable: true, idempotencyKey: `order ${number}` }).then(
      ({ remote }) => remote === 1,
      () => false,
    );
  const ask = (): Promise<string>[] =>
    NUMBERS.map(() =>
      one.request(target.service('keep'), payload.text('?'), { timeoutMs: 60_000 }).then(
        () => 'answered',
        ({ code }: { readonly code: string }) => code,
      ),
    );

  it('a node that is killed loses nothing that was accepted, and ends every request', async () => {
    const first = new Child(server.url);
    const second = new Child(server.url);
    closing.push(
      () => first.kill(),
      () => second.kill(),
    );
    await first.start();
    await until(() => a.backend.nodes().some(({ nodeId }) => nodeId === 'b'));
    const before = heapBytes();
    const asking = ask();
    const sending = NUMBERS.map(order);
    await until(() => first.handlers.ended.size >= COUNT / 5 && first.handlers.running.size >= IN_HAND / 2);
    await first.kill();
    await second.start();

    expect(await Promise.all(sending)).toEqual(NUMBERS.map(() => true));
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['ERR_CLOSED']));
    const handled = (): Set<number> => new Set([...first.handlers.ended.keys(), ...second.handlers.ended.keys()]);
    await until(() => handled().size === COUNT && second.handlers.running.size === 0);
    // what was handled a second time is what the first process could not acknowledge any more.
    const again = [...second.handlers.ended.keys()].filter((number) => first.handlers.ended.has(number));
    expect(again.length).toBeLessThanOrEqual(IN_HAND);
    expect([...first.handlers.twice, ...second.handlers.twice]).toEqual([]);
    expect([...first.handlers.ended.values(), ...second.handlers.ended.values()].every((times) => times === 1)).toBe(
      true,
    );
    expect(a.router.pendingRequestCount).toBe(0);
    expect(heapBytes() - before).toBeLessThan(KEPT_BYTES);
  });

  it('a server that is killed loses nothing that was accepted, each message is handled once, and every request ends', async () => {
    const b = await startNode('b', server.url, OFTEN);
    closing.push(() => b.close());
    const worker = b.router.register(b.router.processTable.insert({ agentId: 'worker' }), { capacity: 10_000 });
    worker.provide('keep');
    const handlers = makeHandlers();
    const inbox = await b.backend.openInbox(
      'orders',
      async ({ payload: body }) => {
        const number = body.kind === 'json' ? Number(body.value) : Number.NaN;
        begin(handlers, number);
        // several turns of the event loop, so that others begin meanwhile
        for (let at = 0; at < 20; at++) await turn();
        end(handlers, number);
      },
      { ackWaitMs: 500, concurrency: IN_HAND, backoffMs: [20] },
    );
    await b.backend.flush();
    const before = heapBytes();
    const asking = ask();
    const sending = NUMBERS.map(order);
    await until(() => handlers.ended.size >= COUNT / 5);
    server.kill('SIGKILL');
    expect(new Set(await Promise.all(asking))).toEqual(new Set(['ERR_CLOSED']));
    const accepted = await Promise.all(sending);
    server = await server.restart();
    await until(() => a.backend.stats.connected && b.backend.stats.connected);
    for (const number of NUMBERS) if (accepted[number] !== true) await until(() => order(number));
    await until(() => handlers.ended.size === COUNT && inbox.stats.handled >= COUNT);
    expect(handlers.twice).toEqual([]);
    expect([...handlers.ended.values()].every((times) => times === 1)).toBe(true);
    expect(inbox.stats).toMatchObject({ failed: 0, dead: 0 });
    expect(a.router.pendingRequestCount).toBe(0);
    while (worker.inbox.poll() !== undefined);
    expect(heapBytes() - before).toBeLessThan(KEPT_BYTES);
  });
});
