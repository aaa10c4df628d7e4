import { type Check, fail } from '../../check.ts';
import { documented } from '../../wire/documented.ts';
import { zentinel } from '../../wire/zentinel.ts';
import type { AgentUnderTest } from '../under-test.ts';

const streams = ['documented', 'zentinel'] as const;

/** What happens to whole messages that make no sense, or none from a proxy. */
export const badInputChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'malformed-no-allow',
    says: 'a head that cannot be read is never allowed',
    section: 'Messages',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const talk = await under.open();
      talk.send(wire.brokenHead(wire.id(1)), wire.head(wire.id(2), { uri: '/' }));
      const answers = await talk.everyAnswer();
      if (answers.some(({ id, verdict }) => id !== wire.id(2) && verdict === 'allow')) fail('it was allowed');
      if (answers.filter(({ id }) => id === wire.id(2)).length > 1) fail('it was answered as the request after it');
    },
  },
  {
    id: 'malformed-goes-on',
    says: 'a head that cannot be read does not wedge its connection: it fails alone, or the connection ends',
    section: 'Messages',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const talk = await under.open();
      talk.send(wire.brokenHead(wire.id(1)), wire.head(wire.id(2), { uri: '/' }));
      for (let turn = 0; turn < 2; turn += 1) {
        const said = await talk.hear();
        if (said === undefined || (said.kind === 'answer' && said.id === wire.id(2))) return;
      }
      fail('the request after it was not answered');
    },
  },
  {
    id: 'malformed-others',
    says: 'a head that cannot be read is of no matter to other connections',
    section: 'Messages',
    level: 'must',
    async run(under) {
      const [bad, good] = [await under.open(), await under.open()];
      bad.send(under.wire.brokenHead(under.wire.id(1)));
      await good.stillAnswers();
      await (await under.open()).stillAnswers();
    },
  },
  {
    id: 'unknown-type',
    says: 'a message of a type that nobody knows is skipped',
    section: 'Frame',
    level: 'should',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.unknown(), under.wire.unknown());
      await talk.stillAnswers();
    },
  },
  {
    id: 'other-dialect',
    says: 'a number of the other dialect is not read as one of this dialect',
    section: 'Message types',
    level: 'must',
    forms: streams,
    async run(under) {
      const other = under.wire.form === 'documented' ? zentinel : documented;
      const talk = await under.open();
      talk.send(other.ping(5));
      await talk.endsOrGoesOn();
    },
  },
  {
    id: 'other-dialect-cancel',
    says: 'a cancel in the numbers of the other dialect cancels nothing and is not answered',
    section: 'Message types',
    level: 'must',
    forms: streams,
    async run(under) {
      const other = under.wire.form === 'documented' ? zentinel : documented;
      const talk = await under.open();
      talk.send(other.cancel(under.wire.form === 'documented' ? 'x' : '1'));
      await talk.endsOrGoesOn();
    },
  },
  {
    id: 'wrong-direction',
    says: 'a message that only agents send is not taken from a proxy',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.wrongDirection());
      await talk.endsOrGoesOn();
    },
  },
  {
    id: 'throw-no-allow',
    says: 'a handler that throws never makes an allow',
    section: 'Messages',
    level: 'must',
    needs: 'reference',
    async run(under) {
      const talk = await under.open();
      const { wire } = under;
      talk.send(wire.head(wire.id(1), { uri: '/throw' }), wire.head(wire.id(2), { uri: '/' }));
      const answers = await talk.everyAnswer();
      if (answers.some(({ id, verdict }) => id !== wire.id(2) && verdict === 'allow')) fail('it was allowed');
      if (answers.filter(({ id }) => id === wire.id(2)).length > 1) fail('it was answered as the request after it');
    },
  },
  {
    id: 'throw-answered',
    says: 'a handler that throws is answered as a failure, and its connection goes on',
    section: 'Messages',
    level: 'should',
    needs: 'reference',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.head(under.wire.id(1), { uri: '/throw' }));
      await talk.answerTo(under.wire.id(1));
      await talk.stillAnswers();
    },
  },
];
