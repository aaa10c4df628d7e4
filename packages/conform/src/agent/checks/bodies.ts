import { type Check, fail } from '../../check.ts';
import type { AgentUnderTest } from '../under-test.ts';

const section = 'Messages';

/** Checks of the events after the head of a request. */
export const bodyChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'request-chunk',
    title: 'a request body chunk is answered once',
    section,
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const id = wire.id(1);
      link.send(wire.head(id, { uri: '/', method: 'POST', hasBody: true }));
      await link.answerTo(id);
      link.send(wire.requestChunk(id, { index: 0, text: 'abc', last: true }));
      await link.answerTo(id);
      await link.answersNow();
    },
  },
  {
    id: 'response-headers',
    title: 'response headers are answered once',
    section,
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const id = wire.id(1);
      link.send(wire.head(id, { uri: '/' }));
      await link.answerTo(id);
      link.send(wire.responseHeaders(id, 200));
      await link.answerTo(id);
      await link.answersNow();
    },
  },
  {
    id: 'response-chunk',
    title: 'a response body chunk is answered once',
    section,
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const id = wire.id(1);
      link.send(wire.head(id, { uri: '/' }), wire.responseHeaders(id, 200));
      await link.answerTo(id);
      await link.answerTo(id);
      link.send(wire.responseChunk(id, { index: 0, text: 'abc', last: true }));
      await link.answerTo(id);
      await link.answersNow();
    },
  },
  {
    id: 'late-head',
    title: "a chunk that arrives before the head's decision gets a decision of its own, after that of the head",
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const id = wire.id(1);
      link.send(
        wire.head(id, { uri: `/slow?ms=${Math.round(under.timeoutMs / 10)}`, method: 'POST', hasBody: true }),
        wire.requestChunk(id, { index: 0, text: 'abc', last: true }),
      );
      const head = await link.answerTo(id);
      const chunk = await link.answerTo(id);
      if (head.operations.length === 0) fail('the answer to the chunk came first');
      if (chunk.operations.length > 0) fail('the chunk was answered with the decision of the head');
      await link.answersNow();
    },
  },
  {
    id: 'large-chunk',
    title: 'a body chunk of one MiB is answered',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const id = wire.id(1);
      link.send(wire.head(id, { uri: '/', method: 'POST', hasBody: true }));
      await link.answerTo(id);
      link.send(wire.requestChunk(id, { index: 0, text: Buffer.alloc(1024 * 1024, 'x'), last: true }));
      await link.answerTo(id);
    },
  },
  {
    id: 'body-whole',
    title: 'a body in several chunks is judged as a whole',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const id = wire.id(1);
      link.send(wire.head(id, { uri: '/needs-more', method: 'POST', hasBody: true }));
      if (!(await link.answerTo(id)).needsMore) fail('the body was not asked for');
      for (const [index, text] of ['att', 'ack', '!'].entries()) {
        link.send(wire.requestChunk(id, { index, text, last: index === 2 }));
        const { needsMore, verdict } = await link.answerTo(id);
        if (index < 2 && !needsMore) fail(`chunk ${index} was answered without asking for the next`);
        if (index === 2 && verdict !== 'block') fail(`the attack was answered with ${verdict}`);
      }
    },
  },
  {
    id: 'body-apart',
    title: 'interleaved bodies of two requests are kept apart',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const [one, two] = [wire.id(1), wire.id(2)];
      link.send(...[one, two].map((id) => wire.head(id, { uri: '/needs-more', method: 'POST', hasBody: true })));
      await link.answers(2);
      const pieces: readonly [string, string, boolean][] = [
        [one, 'att', false],
        [two, 'ack', false],
        [one, 'empt', true],
        [two, ' att', true],
      ];
      for (const [at, [id, text, last]] of pieces.entries()) {
        link.send(wire.requestChunk(id, { index: at < 2 ? 0 : 1, text, last }));
        const { verdict } = await link.answerTo(id);
        if (verdict !== 'allow') fail(`a harmless body was answered with ${verdict}`);
      }
    },
  },
  {
    id: 'order-within-request',
    title: 'events of one request, sent at once, are answered in their order',
    section,
    level: 'must',
    needs: 'reference',
    forms: ['documented', 'zentinel'],
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const id = wire.id(1);
      const count = 10;
      const chunks = Array.from({ length: count }, (_, index) =>
        wire.requestChunk(id, { index, text: `t${index}`, last: index === count - 1 }),
      );
      link.send(wire.head(id, { uri: '/transform', method: 'POST', hasBody: true }), ...chunks);
      const [, ...answers] = await link.answers(count + 1);
      const order = answers.map(({ mutates }) => mutates).join(' ');
      if (order !== '0 1 2 3 4 5 6 7 8 9') fail(`the chunks were answered in the order ${order}`);
    },
  },
];
