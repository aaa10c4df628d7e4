import { type Check, fail, none } from '../../check.ts';
import type { AgentUnderTest } from '../under-test.ts';

const section = 'Messages';

/** What an answer looks like, and that it finds its question. */
export const answerChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'decision-shape',
    says: 'the head of a request is answered with a decision as the protocol has it',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.head(under.wire.id(1), { uri: '/' }));
      await talk.answerTo(under.wire.id(1));
    },
  },
  {
    id: 'decision-once',
    says: 'an event is answered once',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.head(under.wire.id(1), { uri: '/' }));
      await talk.answerTo(under.wire.id(1));
      // a second answer would stand before this one
      await talk.stillAnswers();
      await talk.stillAnswers();
    },
  },
  {
    id: 'decision-all-kinds',
    says: 'block, redirect and challenge have their fields',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const talk = await under.open();
      const expected = ['block 403', 'redirect 302', 'challenge undefined'];
      for (const [n, uri] of ['/block', '/redirect', '/challenge'].entries()) {
        talk.send(under.wire.head(under.wire.id(n), { uri }));
        const { verdict, status } = await talk.answerTo(under.wire.id(n));
        if (`${verdict} ${status}` !== expected[n]) fail(`${uri} was answered with ${verdict} ${status}`);
      }
    },
  },
  {
    id: 'header-operations',
    says: 'header operations are set, add and remove, in the order of the agent',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.head(under.wire.id(1), { uri: '/mutate' }));
      const { operations } = await talk.answerTo(under.wire.id(1));
      const expected = 'set x-agent-set, add x-agent-add, add x-agent-add, remove x-remove-me';
      if (operations.join(', ') !== expected) fail(`they were ${operations.join(', ') || 'none'}`);
    },
  },
  {
    id: 'routing-by-id',
    says: 'a hundred requests at once each get the one answer with their id',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      const ids = Array.from({ length: 100 }, (_, n) => under.wire.id(n));
      talk.send(...ids.map((id) => under.wire.head(id, { uri: '/' })));
      const answers = await talk.answers(ids.length);
      none(answers.flatMap(({ problems }) => problems).slice(0, 3));
      const answered = new Set(answers.map(({ id }) => id));
      const missing = ids.filter((id) => !answered.has(id));
      if (missing.length > 0) fail(`${missing.length} ids got no answer, the first is ${missing[0]}`);
    },
  },
  {
    id: 'routing-other-decisions',
    says: 'requests that are decided differently do not get each other’s answers',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const talk = await under.open();
      const uris = ['/block', '/', '/redirect', '/block', '/'];
      talk.send(...uris.map((uri, n) => under.wire.head(under.wire.id(n), { uri })));
      for (const { id, verdict } of await talk.answers(uris.length)) {
        const uri = uris.find((_, n) => under.wire.id(n) === id);
        const expected = uri === '/' ? 'allow' : uri?.slice(1);
        if (verdict !== expected) fail(`${uri} was answered with ${verdict}`);
      }
    },
  },
  {
    id: 'id-exact',
    says: 'ids at the edges come back exactly',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      const edges =
        under.wire.form === 'documented'
          ? ['0', '9007199254740993', '18446744073709551615']
          : ['0', 'a b/c?d=é日本', 'x'.repeat(200)].map((text) => under.wire.id(1) + text);
      for (const id of edges) {
        talk.send(under.wire.head(id, { uri: '/' }));
        await talk.answerTo(id);
      }
    },
  },
  {
    id: 'id-again',
    says: 'an id can be used again once its request is over',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      for (let turn = 0; turn < 3; turn += 1) {
        talk.send(under.wire.head(under.wire.id(1), { uri: '/' }));
        await talk.answerTo(under.wire.id(1));
      }
    },
  },
  {
    id: 'unknown-field',
    says: 'fields of an event that nobody knows are ignored',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.head(under.wire.id(1), { uri: '/' }, true));
      const { verdict } = await talk.answerTo(under.wire.id(1));
      if (verdict === 'error' || verdict === 'unknown') fail(`the answer was ${verdict}`);
    },
  },
  {
    id: 'head-text',
    says: 'a head with escapes, other scripts and two hundred headers is decided on',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      const headers = Array.from({ length: 200 }, (_, at) => [`x-line-${at}`, `"v\\${at}" é 日本`]).flat();
      talk.send(under.wire.head(under.wire.id(1), { uri: '/a%20b?q="é日本\u{1f600}"&\\', headers }));
      const { verdict } = await talk.answerTo(under.wire.id(1));
      if (verdict === 'error' || verdict === 'unknown') fail(`the answer was ${verdict}`);
    },
  },
];
