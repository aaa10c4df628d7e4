import type { Exchange, World } from './world.ts';

/** One thing that is done through real HTTP. */
export interface Scenario {
  readonly name: string;
  /** Plays it with the circuit breaker of the upstream as it is by default. */
  readonly defaultBreaker?: boolean;
  /** Resolves with what was seen. @throws Error where it is not as `docs/zentinel.md` says */
  run(this: void, world: World): Promise<string>;
}

function expect(holds: boolean, { status, body }: Exchange): void {
  if (!holds) throw new Error(`status ${status}, body ${JSON.stringify(body.slice(0, 80))}`);
}

const JSON_TYPE = { 'content-type': 'application/json' };
/** Ten clients that leave before their answer, one after the other, and one that asks after them. */
async function afterClientsThatLeft(world: World): Promise<string> {
  let left = 0;
  while (left < 10 && (await world.leave())) left += 1;
  return `${(await world.ask('/')).status} after ${left} clients`;
}
const isFine = ({ status, upstream }: Exchange): boolean => status === 200 && upstream?.headers['x-agent'] === 'allow';

/** Scenarios, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'allow, with a header set on the request',
    async run(world) {
      const exchange = await world.ask('/');
      expect(isFine(exchange), exchange);
      return 'upstream saw x-agent: allow';
    },
  },
  {
    name: 'block',
    async run(world) {
      const exchange = await world.ask('/block');
      expect(exchange.status === 403 && exchange.upstream === undefined, exchange);
      const header = exchange.headers['x-agent'] === undefined ? 'its header is dropped' : 'its header arrives';
      return `403, ${exchange.body.includes('blocked by agent') ? 'body arrives' : 'body is lost'}, ${header}`;
    },
  },
  {
    name: 'redirect',
    async run(world) {
      const exchange = await world.ask('/redirect');
      expect(exchange.upstream === undefined, exchange);
      return `${exchange.status}, location ${exchange.headers.location ?? 'absent'}`;
    },
  },
  {
    name: 'challenge',
    async run(world) {
      const exchange = await world.ask('/challenge');
      return `${exchange.status}, the upstream was ${exchange.upstream === undefined ? 'not ' : ''}asked`;
    },
  },
  {
    name: 'header operations on the request',
    async run(world) {
      const exchange = await world.ask('/mutate', { headers: { 'x-remove-me': '1' } });
      const seen = exchange.upstream?.headers;
      expect(seen?.['x-agent-set'] === '1' && seen['x-remove-me'] === undefined, exchange);
      return `set, removed; added: ${String(seen?.['x-agent-add'])}`;
    },
  },
  {
    name: 'header operations on the response',
    async run(world) {
      const exchange = await world.ask('/mutate');
      expect(exchange.headers['x-agent-resp'] === '1', exchange);
      return 'x-agent-resp: 1';
    },
  },
  {
    name: 'body inspection: harmless',
    async run(world) {
      const exchange = await world.ask('/needs-more', {
        body: 'a harmless text',
        headers: JSON_TYPE,
      });
      expect(exchange.status === 200 && exchange.upstream?.bodyBytes === 15, exchange);
      return '200, the upstream has all 15 bytes';
    },
  },
  {
    name: 'body inspection: attack',
    async run(world) {
      const exchange = await world.ask('/needs-more', { body: 'an attack', headers: JSON_TYPE });
      expect(exchange.status === 403, exchange);
      return `403, the upstream was ${exchange.upstream === undefined ? 'not ' : ''}asked`;
    },
  },
  {
    name: 'body inspection: attack at the end of 512 KiB',
    async run(world) {
      const body = Buffer.concat([Buffer.alloc(512 * 1024, 'x'), Buffer.from('attack')]);
      const exchange = await world.ask('/needs-more', { body, headers: JSON_TYPE });
      expect(exchange.status === 403, exchange);
      return '403';
    },
  },
  {
    name: 'body inspection: an attack as text/plain, which the proxy does not inspect by default',
    async run(world) {
      const exchange = await world.ask('/needs-more', { body: 'an attack', headers: { 'content-type': 'text/plain' } });
      return `${exchange.status}, the agent is not asked about the body`;
    },
  },
  {
    name: 'body over the inspection limit of 1 MiB',
    async run(world) {
      const body = Buffer.alloc(2 * 1024 * 1024, 'x');
      const exchange = await world.ask('/needs-more', { body, headers: JSON_TYPE });
      return `${exchange.status}, the upstream has ${exchange.upstream?.bodyBytes ?? 'no'} bytes`;
    },
  },
  {
    name: 'a handler that throws',
    async run(world) {
      const exchange = await world.ask('/throw');
      expect(exchange.status >= 500 && exchange.upstream === undefined, exchange);
      return `${exchange.status}`;
    },
  },
  {
    name: '200 requests at once, every fourth blocked',
    async run(world) {
      const paths = Array.from({ length: 200 }, (_, at) => (at % 4 === 0 ? '/block' : '/'));
      const exchanges = await Promise.all(paths.map((path) => world.ask(path)));
      const wrong = exchanges.filter((exchange, at) => (at % 4 === 0 ? exchange.status !== 403 : !isFine(exchange)));
      if (wrong[0] !== undefined) throw new Error(`${wrong.length} of 200 are wrong, the first has ${wrong[0].status}`);
      return '150 × 200, 50 × 403';
    },
  },
  {
    name: 'a slow decision, past the proxy’s timeout (1 s)',
    async run(world) {
      const exchange = await world.ask('/slow?ms=1500');
      expect(exchange.upstream === undefined, exchange);
      return `${exchange.status} with failure-mode closed`;
    },
  },
  {
    name: 'after that, the next request',
    async run(world) {
      const { ms, attempts } = await world.until('/', isFine, 30_000);
      return `right after ${attempts} attempt${attempts === 1 ? '' : 's'} (${ms} ms)`;
    },
  },
  {
    name: 'agent killed, failure-mode closed',
    async run(world) {
      await world.killAgent();
      const exchange = await world.ask('/');
      expect(exchange.status >= 500 && exchange.upstream === undefined, exchange);
      return `${exchange.status}`;
    },
  },
  {
    name: 'agent killed, failure-mode open',
    async run(world) {
      const exchange = await world.ask('/', { headers: { 'x-mode': 'open' } });
      expect(exchange.status === 200 && exchange.upstream?.headers['x-agent'] === undefined, exchange);
      return '200, not decided on by the agent';
    },
  },
  {
    name: 'agent started again',
    async run(world) {
      await world.startAgent();
      const { ms, attempts } = await world.until('/', isFine, 120_000);
      return `asked again after ${(ms / 1000).toFixed(1)} s (${attempts} attempts)`;
    },
  },
];

/** Scenarios that leave the proxy in a bad state, each with a proxy of its own. */
export const DESTRUCTIVE: readonly Scenario[] = [
  {
    name: 'the same client-chosen id for 20 requests at once',
    async run(world) {
      const paths = Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? '/' : '/block'));
      const exchanges = await Promise.all(
        paths.map((path) => world.ask(path, { headers: { 'x-request-id': 'same' } })),
      );
      const right = exchanges.filter(({ status }, at) => status === (at % 2 === 0 ? 200 : 403)).length;
      const failed = exchanges.filter(({ status }) => status >= 500).length;
      return `${right} of 20 got their own decision, ${failed} failed, ${20 - right - failed} got another’s`;
    },
  },
  { name: 'a request after up to ten clients that left before their answer', run: afterClientsThatLeft },
  { name: 'the same with the default circuit breaker', defaultBreaker: true, run: afterClientsThatLeft },
];
