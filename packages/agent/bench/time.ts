// Prints what an event costs, in nanoseconds, as JSON: node --conditions=@agentwire/source bench/time.ts
import { systemClock, type Message } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { AgentSessionCore } from '@agentwire/core/session/internal';
import { allow, defineAgent, type AgentDefinition } from '../src/index.ts';
import { AgentRuntime } from '../src/runtime/agent-runtime.ts';
import { head } from '../test/events.ts';
import { FakeConnection, OURS } from '../test/fake-connection.ts';

const SEEN = allow().setRequestHeader('x-agent', 'allow').withTag('seen').freeze();
const EVENTS = 1000;
const heads = Array.from({ length: EVENTS }, (_, i) => head(i % 64, { hasBody: false }));
const options = { clock: systemClock, logger: silentLogger, challengeFallback: 'none' as const };

/** A connection that forgets what is sent. */
class Sink extends FakeConnection {
  sends = 0;

  override send(_message: Message): boolean {
    this.sends += 1;
    return true;
  }
}

function connect(definition: Partial<AgentDefinition>): Sink {
  const runtime = new AgentRuntime(defineAgent({ name: 'bench', version: '1', ...definition }), options);
  return new Sink(runtime, OURS, {});
}

const bare = new AgentSessionCore(connect({}), { onEvent: () => SEEN }, { keepalive: false });

/** Each call hands over a thousand events. */
const work: Record<string, () => void | Promise<void>> = {
  'bare session': () => {
    for (const event of heads) bare.onMessage(event);
  },
};

function add(name: string, definition: Partial<AgentDefinition>): void {
  const sink = connect(definition);
  work[name] = () => {
    for (const event of heads) sink.receive(event);
  };
}

add('constant decision', { onRequestHeaders: () => SEEN });
add('reads path and a header', {
  onRequestHeaders: (request) =>
    request.path === '/blocked' || request.headers.get('x-blocked') !== undefined ? allow() : SEEN,
});
add('builds its decision', { onRequestHeaders: () => allow().setRequestHeader('x-agent', 'allow').withTag('seen') });
add('keeps the request', { onRequestHeaders: () => SEEN, onResponseHeaders: () => SEEN });

const asynchronous = connect({ onRequestHeaders: async () => SEEN });
work['async handler'] = async () => {
  const until = asynchronous.sends + EVENTS;
  for (const event of heads) asynchronous.receive(event);
  while (asynchronous.sends < until) await Promise.resolve();
};

const figures: Record<string, number> = {};
for (const [name, call] of Object.entries(work)) {
  for (let i = 0; i < 300; i++) await call();
  const rounds: number[] = [];
  for (let round = 0; round < 15; round++) {
    const from = performance.now();
    for (let i = 0; i < 100; i++) await call();
    rounds.push(((performance.now() - from) * 1e6) / (100 * EVENTS));
  }
  figures[name] = Math.round(rounds.toSorted((a, b) => a - b)[7] ?? 0);
}
process.stdout.write(`${JSON.stringify(figures)}\n`);
