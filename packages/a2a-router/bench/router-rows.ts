import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type A2AEndpoint,
  type A2ARouter,
  createA2ARouter,
  createChain,
  gateDecision,
  payload,
  ProcessTable,
  target,
} from '@agentwire/a2a-router';
import type { RouterSettings } from '@agentwire/a2a-router/internal';
import type { Row } from './row.ts';

const body = payload.text('hello agent');
const key = new Uint8Array(32).fill(1);
const gate = { check: () => gateDecision.permit };

interface Pair {
  readonly router: A2ARouter;
  readonly sender: A2AEndpoint;
  readonly receiver: A2AEndpoint;
}

/** Sends, topics and requests inside one process, with and without gate and chain; each is made when it is wanted. */
export const routerRows: Readonly<Record<string, () => Row>> = {
  send: () => ({ unit: 'sends', goal: 1_000_000, run: sends({}) }),
  'send, gate': () => ({ unit: 'sends', run: sends({ gate }) }),
  'send, chain in memory': () => ({ unit: 'sends', goal: 200_000, run: sends({ chain: createChain({ key }) }) }),
  'send, chain in a file, fsync every 50 ms': () => withFile('interval', 200_000, 'sends', sends),
  'send, chain in a file, fsync always, 20 000 in flight': () => withFile('always', undefined, 'sends', durableSends),
  'topic, 1 to 100': () => ({ unit: 'deliveries', run: fanOut({}) }),
  'request, 1 in flight': () => ({ unit: 'round trips', goal: 400_000, run: requests({}, 1) }),
  'request, 64 in flight': () => ({ unit: 'round trips', goal: 400_000, run: requests({}, 64) }),
  'request, gate, 64 in flight': () => ({ unit: 'round trips', run: requests({ gate }, 64) }),
  'request, gate and chain in a file, 64 in flight': () =>
    withFile('interval', undefined, 'round trips', (settings) => requests({ gate, ...settings }, 64)),
};

function withFile(
  fsync: 'always' | 'interval',
  goal: number | undefined,
  unit: string,
  make: (settings: RouterSettings) => Row['run'],
): Row {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-bench-'));
  const chain = createChain({ key, path: join(folder, 'chain.ndjson'), fsync });
  const close = async (): Promise<void> => {
    await chain.close();
    rmSync(folder, { recursive: true });
  };
  return { unit, ...(goal === undefined ? {} : { goal }), run: make({ chain }), close };
}

function pair(settings: RouterSettings): Pair {
  const router = createA2ARouter({ processTable: new ProcessTable({ capacity: 200 }), ...settings });
  const add = (agentId: string): A2AEndpoint =>
    router.register(router.processTable.insert({ agentId, capabilities: { maxMessages: Infinity } }), {
      capacity: 100_000,
    });
  return { router, sender: add('sender'), receiver: add('receiver') };
}

function sends(settings: RouterSettings): Row['run'] {
  const { sender, receiver } = pair(settings);
  const to = target.process(receiver.pid);
  return async (count) => {
    for (let n = 0; n < count; n += 1) {
      await sender.send(to, body);
      receiver.inbox.poll();
    }
  };
}

function durableSends(settings: RouterSettings): Row['run'] {
  const { sender, receiver } = pair(settings);
  const to = target.process(receiver.pid);
  return async (count) => {
    for (let done = 0; done < count; done += 20_000) {
      const group = Math.min(20_000, count - done);
      await Promise.all(Array.from({ length: group }, () => sender.send(to, body)));
      for (let n = 0; n < group; n += 1) receiver.inbox.poll();
    }
  };
}

function fanOut(settings: RouterSettings): Row['run'] {
  const { router, sender } = pair(settings);
  const subscribers = Array.from({ length: 100 }, (_, n) =>
    router.register(router.processTable.insert({ agentId: `s${n}` })),
  );
  for (const subscriber of subscribers) subscriber.subscribe('news');
  return async (count) => {
    for (let n = 0; n < count; n += 100) {
      await sender.publish('news', body);
      for (const { inbox } of subscribers) inbox.poll();
    }
  };
}

function requests(settings: RouterSettings, inFlight: number): Row['run'] {
  const { sender, receiver } = pair(settings);
  const to = target.process(receiver.pid);
  void (async () => {
    for await (const message of receiver.inbox) void message.reply(body);
  })();
  return async (count) => {
    const each = Math.ceil(count / inFlight);
    const ask = async (): Promise<void> => {
      for (let n = 0; n < each; n += 1) await sender.request(to, body);
    };
    await Promise.all(Array.from({ length: inFlight }, ask));
  };
}
