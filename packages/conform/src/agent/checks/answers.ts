import { type Check, fail, failOn } from '../../check.ts';
import type { AgentUnderTest } from '../under-test.ts';

const section = 'Messages';

/** Checks of answers: their fields, and that each reaches its request. */
export const answerChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'decision-shape',
    title: 'the head of a request is answered with a well-formed decision',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.head(under.wire.id(1), { uri: '/' }));
      await link.answerTo(under.wire.id(1));
    },
  },
  {
    id: 'decision-once',
    title: 'an event is answered once',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.head(under.wire.id(1), { uri: '/' }));
      await link.answerTo(under.wire.id(1));
      // a second answer would arrive before this one
      await link.answersNow();
      await link.answersNow();
    },
  },
  {
    id: 'decision-all-kinds',
    title: 'block, redirect and challenge have their fields',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const link = await under.open();
      const expected = ['block 403', 'redirect 302', 'challenge undefined'];
      for (const [n, uri] of ['/block', '/redirect', '/challenge'].entries()) {
        link.send(under.wire.head(under.wire.id(n), { uri }));
        const { verdict, status } = await link.answerTo(under.wire.id(n));
        if (`${verdict} ${status}` !== expected[n]) fail(`${uri} was answered with ${verdict} ${status}`);
      }
    },
  },
  {
    id: 'header-operations',
    title: "header operations are set, add and remove, in the agent's order",
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.head(under.wire.id(1), { uri: '/mutate' }));
      const { operations } = await link.answerTo(under.wire.id(1));
      const expected = 'set x-agent-set, add x-agent-add, add x-agent-add, remove x-remove-me';
      if (operations.join(', ') !== expected) fail(`they were ${operations.join(', ') || 'none'}`);
    },
  },
  {
    id: 'routing-by-id',
    title: 'a hundred requests at once each get the one answer with their id',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      const ids = Array.from({ length: 100 }, (_, n) => under.wire.id(n));
      link.send(...ids.map((id) => under.wire.head(id, { uri: '/' })));
      const answers = await link.answers(ids.length);
      failOn(answers.flatMap(({ problems }) => problems).slice(0, 3));
      const answered = new Set(answers.map(({ id }) => id));
      const missing = ids.filter((id) => !answered.has(id));
      if (missing.length > 0) fail(`${missing.length} ids got no answer, the first is ${missing[0]}`);
    },
  },
  {
    id: 'routing-other-decisions',
    title: "requests with different decisions do not get each other's answers",
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const link = await under.open();
      const uris = ['/block', '/', '/redirect', '/block', '/'];
      link.send(...uris.map((uri, n) => under.wire.head(under.wire.id(n), { uri })));
      for (const { id, verdict } of await link.answers(uris.length)) {
        const uri = uris.find((_, n) => under.wire.id(n) === id);
        const expected = uri === '/' ? 'allow' : uri?.slice(1);
        if (verdict !== expected) fail(`${uri} was answered with ${verdict}`);
      }
    },
  },
  {
    id: 'id-exact',
    title: 'extreme ids are echoed exactly',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      const edges =
        under.wire.form === 'documented'
          ? ['0', '9007199254740993', '18446744073709551615']
          : ['0', 'a b/c?d=é日本', 'x'.repeat(200)].map((text) => under.wire.id(1) + text);
      for (const id of edges) {
        link.send(under.wire.head(id, { uri: '/' }));
        await link.answerTo(id);
      }
    },
  },
  {
    id: 'id-again',
    title: 'an id can be reused once its request has ended',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      for (let turn = 0; turn < 3; turn += 1) {
        link.send(under.wire.head(under.wire.id(1), { uri: '/' }));
        await link.answerTo(under.wire.id(1));
      }
    },
  },
  {
    id: 'unknown-field',
    title: 'unknown fields of an event are ignored',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.head(under.wire.id(1), { uri: '/' }, true));
      const { verdict } = await link.answerTo(under.wire.id(1));
      if (verdict === 'error' || verdict === 'unknown') fail(`the answer was ${verdict}`);
    },
  },
  {
    id: 'head-text',
    title: 'a head with escapes, non-Latin text and two hundred headers gets a decision',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      const headers = Array.from({ length: 200 }, (_, at) => [`x-line-${at}`, `"v\\${at}" é 日本`]).flat();
      link.send(under.wire.head(under.wire.id(1), { uri: '/a%20b?q="é日本\u{1f600}"&\\', headers }));
      const { verdict } = await link.answerTo(under.wire.id(1));
      if (verdict === 'error' || verdict === 'unknown') fail(`the answer was ${verdict}`);
    },
  },
];
