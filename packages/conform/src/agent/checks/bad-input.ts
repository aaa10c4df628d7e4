import { type Check, fail } from '../../check.ts';
import { documented } from '../../wire/documented.ts';
import { zentinel } from '../../wire/zentinel.ts';
import type { AgentUnderTest } from '../under-test.ts';

const streams = ['documented', 'zentinel'] as const;

/** Checks with complete messages that are invalid, or that only agents send. */
export const badInputChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'malformed-no-allow',
    title: 'an unreadable head is never allowed',
    section: 'Messages',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      link.send(wire.brokenHead(wire.id(1)), wire.head(wire.id(2), { uri: '/' }));
      const answers = await link.everyAnswer();
      if (answers.some(({ id, verdict }) => id !== wire.id(2) && verdict === 'allow')) fail('it was allowed');
      if (answers.filter(({ id }) => id === wire.id(2)).length > 1) fail('it was answered as the request after it');
    },
  },
  {
    id: 'malformed-goes-on',
    title: 'an unreadable head does not stall its connection: it fails alone, or the connection ends',
    section: 'Messages',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      link.send(wire.brokenHead(wire.id(1)), wire.head(wire.id(2), { uri: '/' }));
      for (let turn = 0; turn < 2; turn += 1) {
        const message = await link.hear();
        if (message === undefined || (message.kind === 'answer' && message.id === wire.id(2))) return;
      }
      fail('the request after it was not answered');
    },
  },
  {
    id: 'malformed-others',
    title: 'an unreadable head does not affect other connections',
    section: 'Messages',
    level: 'must',
    async run(under) {
      const [bad, good] = [await under.open(), await under.open()];
      bad.send(under.wire.brokenHead(under.wire.id(1)));
      await good.answersNow();
      await (await under.open()).answersNow();
    },
  },
  {
    id: 'unknown-type',
    title: 'a message of an unknown type is skipped',
    section: 'Frame',
    level: 'should',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.unknown(), under.wire.unknown());
      await link.answersNow();
    },
  },
  {
    id: 'other-dialect',
    title: 'a type number of the other dialect is not read as one of this dialect',
    section: 'Message types',
    level: 'must',
    forms: streams,
    async run(under) {
      const other = under.wire.form === 'documented' ? zentinel : documented;
      const link = await under.open();
      link.send(other.ping(5));
      await link.endsOrGoesOn();
    },
  },
  {
    id: 'other-dialect-cancel',
    title: 'a cancel with a type number of the other dialect cancels nothing and is not answered',
    section: 'Message types',
    level: 'must',
    forms: streams,
    async run(under) {
      const other = under.wire.form === 'documented' ? zentinel : documented;
      const link = await under.open();
      link.send(other.cancel(under.wire.form === 'documented' ? 'x' : '1'));
      await link.endsOrGoesOn();
    },
  },
  {
    id: 'wrong-direction',
    title: 'a message that only agents send is not accepted from a proxy',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.wrongDirection());
      await link.endsOrGoesOn();
    },
  },
  {
    id: 'throw-no-allow',
    title: 'a handler that throws never results in an allow',
    section: 'Messages',
    level: 'must',
    needs: 'reference',
    async run(under) {
      const link = await under.open();
      const { wire } = under;
      link.send(wire.head(wire.id(1), { uri: '/throw' }), wire.head(wire.id(2), { uri: '/' }));
      const answers = await link.everyAnswer();
      if (answers.some(({ id, verdict }) => id !== wire.id(2) && verdict === 'allow')) fail('it was allowed');
      if (answers.filter(({ id }) => id === wire.id(2)).length > 1) fail('it was answered as the request after it');
    },
  },
  {
    id: 'throw-answered',
    title: 'a handler that throws is answered as a failure, and its connection goes on',
    section: 'Messages',
    level: 'should',
    needs: 'reference',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.head(under.wire.id(1), { uri: '/throw' }));
      await link.answerTo(under.wire.id(1));
      await link.answersNow();
    },
  },
];
