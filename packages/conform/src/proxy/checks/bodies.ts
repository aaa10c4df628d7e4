import { type Check, fail, skip } from '../../check.ts';
import { eventsOf, isBody } from '../events-of.ts';
import type { ProxyUnderTest } from '../under-test.ts';

const messages = 'Messages';

/** Checks of bodies. */
export const bodyChecks: readonly Check<ProxyUnderTest>[] = [
  {
    id: 'proxy-body-unasked',
    title: 'a body is not sent to an agent that did not ask for it',
    section: messages,
    level: 'should',
    async run(under) {
      const [, events] = await eventsOf(under, '/unasked', '{"a":1}');
      if (events.some(isBody)) fail('a chunk came all the same');
    },
  },
  {
    id: 'proxy-body',
    title: 'a requested body arrives complete, in order, on the connection of its head',
    section: messages,
    level: 'must',
    async run(under) {
      under.policy = (event) => ({ more: event.kind === 'head' || (isBody(event) && !event.last) });
      const body = JSON.stringify({ text: 'x'.repeat(300_000) });
      const [, events] = await eventsOf(under, '/body', body);
      const chunks = events.filter(isBody);
      if (chunks.length === 0) fail('no chunk came');
      if (chunks.some(({ index }, at) => index !== at))
        fail(`the indexes are ${chunks.map(({ index }) => index).join()}`);
      if (chunks.findIndex(({ last }) => last) !== chunks.length - 1) fail('the last chunk is not marked');
      if (Buffer.concat(chunks.map(({ bytes }) => bytes)).toString() !== body)
        fail('the bytes are not those of the body');
      const head = events.find(({ kind }) => kind === 'head');
      const home = under.connections.find((one) => head !== undefined && one.events.includes(head));
      if (chunks.some((chunk) => home?.events.includes(chunk) !== true)) fail('a chunk came on another connection');
    },
  },
  {
    id: 'proxy-response-body',
    title: 'a response body that the agent allows reaches the client unchanged',
    section: messages,
    level: 'must',
    async run(under) {
      under.policy = ({ kind, last }) => ({ more: kind === 'responseHeaders' || (kind === 'responseChunk' && !last) });
      const before = new Set(under.events);
      const { body } = await under.drive('/response-body');
      const chunks = under.events.filter((event) => event.kind === 'responseChunk' && !before.has(event));
      if (chunks.length === 0) skip('it sends no response bodies');
      const seen = Buffer.concat(chunks.map(({ bytes }) => bytes));
      if (!body.equals(seen)) fail(`the agent saw ${seen.length} bytes, the client got ${body.length}`);
    },
  },
  {
    id: 'proxy-body-block',
    title: 'a block at a chunk reaches the client',
    section: messages,
    level: 'must',
    async run(under) {
      under.policy = (event) => (isBody(event) ? { block: 451 } : { more: true });
      const [status] = await eventsOf(under, '/attack', '{"attack":1}');
      if (status !== 451) fail(`the client got ${status}`);
    },
  },
];
