import { type Check, fail, failOn, skip } from '../../check.ts';
import { eventsOf } from '../events-of.ts';
import type { ProxyUnderTest } from '../under-test.ts';

const messages = 'Messages';

/** Checks of the events of a request, and that answers reach their requests. */
export const requestChecks: readonly Check<ProxyUnderTest>[] = [
  {
    id: 'proxy-head',
    title: 'a request results in one head with an id and every field',
    section: messages,
    level: 'must',
    async run(under) {
      const [, events] = await eventsOf(under, '/head?q=1');
      const heads = events.filter(({ kind }) => kind === 'head');
      failOn(events.flatMap(({ problems }) => problems));
      if (heads.length !== 1) fail(`${heads.length} heads came`);
      if (heads[0]?.uri.endsWith('/head?q=1') !== true) fail(`its uri is ${JSON.stringify(heads[0]?.uri)}`);
    },
  },
  {
    id: 'proxy-known-types',
    title: 'only message types of this dialect and direction are sent',
    section: 'Message types',
    level: 'must',
    async run(under) {
      await under.works();
      const unexpected = under.events.filter(({ kind }) => kind === 'unexpected');
      if (unexpected.length > 0) fail(`type 0x${unexpected[0]?.type.toString(16)} came`);
    },
  },
  {
    id: 'proxy-block',
    title: 'a block is answered with its status, and nothing more of the request is sent',
    section: messages,
    level: 'must',
    async run(under) {
      under.policy = () => ({ block: 451 });
      const [status, events] = await eventsOf(under, '/block');
      if (status !== 451) fail(`the client got ${status}`);
      if (events.some(({ kind }) => kind !== 'head')) fail(`a ${events.at(-1)?.kind} followed`);
    },
  },
  {
    id: 'proxy-response-headers',
    title: 'response headers are sent to an agent that subscribed to them',
    section: messages,
    level: 'should',
    async run(under) {
      const [, events] = await eventsOf(under, '/response');
      if (!events.some(({ kind }) => kind === 'responseHeaders')) fail('it did not come');
    },
  },
  {
    id: 'proxy-one-connection',
    title: "response headers are sent on the connection of their request's head",
    section: messages,
    level: 'must',
    async run(under) {
      const first = under.connections.map(({ events }) => events.length);
      const held: (() => void)[] = [];
      under.policy = (event, { channel }) => {
        if (event.kind !== 'head') return {};
        held.push(() => channel.send(under.wire.answer(event.id, {})));
        return undefined;
      };
      // concurrent, so that a proxy with several connections uses them
      const driven = Promise.allSettled(Array.from({ length: 8 }, (_, n) => under.drive(`/home-${n}`)));
      await under
        .until('eight heads did not come', () => held.length === 8)
        .finally(() => held.forEach((send) => send()));
      await driven;
      const recent = under.connections.map(({ events, number }, at) =>
        events.slice(first[at] ?? 0).map(({ kind, id }) => ({ kind, key: `${number} ${id}` })),
      );
      const heads = new Set(recent.flat().flatMap(({ kind, key }) => (kind === 'head' ? [key] : [])));
      const responses = recent.flat().filter(({ kind }) => kind === 'responseHeaders');
      if (responses.length === 0) skip('it sends no response headers');
      const away = responses.filter(({ key }) => !heads.has(key));
      if (away.length > 0) fail('heads of responses came on other connections');
    },
  },
  {
    id: 'proxy-ids-unique',
    title: 'twenty concurrent requests have twenty ids',
    section: messages,
    level: 'must',
    async run(under) {
      const before = new Set(under.events);
      const held: (() => void)[] = [];
      under.policy = (event, { channel }) => {
        if (event.kind !== 'head') return {};
        held.push(() => channel.send(under.wire.answer(event.id, {})));
        return undefined;
      };
      const driven = Promise.allSettled(Array.from({ length: 20 }, (_, n) => under.drive(`/live-${n}`)));
      await under
        .until('twenty heads did not come', () => held.length === 20)
        .finally(() => held.forEach((send) => send()));
      await driven;
      const keys = under.connections.flatMap(({ events, number }) =>
        events
          .filter((event) => event.kind === 'head' && !before.has(event))
          .map(({ id }) => (under.wire.form === 'documented' ? `${number} ${id}` : id)),
      );
      if (new Set(keys).size !== 20) fail(`they have ${new Set(keys).size} ids`);
    },
  },
  {
    id: 'proxy-routing',
    title: 'answers in a different order reach their requests',
    section: messages,
    level: 'must',
    async run(under) {
      const held: (() => void)[] = [];
      under.policy = (event, { channel }) => {
        if (event.kind !== 'head') return {};
        const block = 430 + Number(/\/order-(\d)$/.exec(event.uri)?.[1]);
        held.unshift(() => channel.send(under.wire.answer(event.id, { block })));
        return undefined;
      };
      const driven = Promise.allSettled(Array.from({ length: 10 }, (_, n) => under.drive(`/order-${n}`)));
      await under
        .until('ten heads did not come', () => held.length === 10)
        .finally(() => held.forEach((send) => send()));
      const statuses = (await driven).map((one) => (one.status === 'fulfilled' ? one.value.status : 0));
      const wrong = statuses.filter((status, n) => status !== 430 + n);
      if (wrong.length > 0) fail(`the clients 0 to 9, whose blocks are 430 to 439, got ${statuses.join(', ')}`);
    },
  },
];
