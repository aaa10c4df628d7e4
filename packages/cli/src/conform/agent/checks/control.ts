import { type Check, fail } from '../../check.ts';
import type { AgentUnderTest } from '../under-test.ts';

const section = 'Messages';

/** Pings, cancels, and requests that take their time. */
export const controlChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'ping-echo',
    says: 'a ping comes back as a pong with what was in it',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.ping(7));
      const said = await talk.hear();
      if (said?.kind !== 'pong') fail(said === undefined ? 'the connection ended' : `a ${said.kind} came`);
      if (said.echo !== under.wire.echoOf(7)) fail(`the pong says ${said.echo}`);
    },
  },
  {
    id: 'ping-burst',
    says: 'a hundred pings are answered in their order',
    section,
    level: 'must',
    async run(under) {
      const talk = await under.open();
      talk.send(...Array.from({ length: 100 }, (_, n) => under.wire.ping(n)));
      for (let n = 0; n < 100; n += 1) {
        const said = await talk.hear();
        if (said?.kind !== 'pong' || said.echo !== under.wire.echoOf(n)) fail(`pong ${n} is not there`);
      }
    },
  },
  {
    id: 'ping-while-busy',
    says: 'a ping is answered while a handler runs',
    section,
    level: 'should',
    needs: 'reference',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.head(under.wire.id(1), { uri: `/slow?ms=${under.patienceMs / 2}` }), under.wire.ping(1));
      const said = await talk.hear();
      if (said?.kind !== 'pong') fail('the answer of the slow handler came first');
    },
  },
  {
    id: 'concurrency',
    says: 'a slow request does not hold up others on its connection',
    section,
    level: 'should',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const talk = await under.open();
      talk.send(
        wire.head(wire.id(1), { uri: `/slow?ms=${under.patienceMs / 2}` }),
        wire.head(wire.id(2), { uri: '/' }),
      );
      const { id } = await talk.answer();
      if (id !== wire.id(2)) fail('the slow request was answered first');
      await talk.answerTo(wire.id(1));
    },
  },
  {
    id: 'concurrency-connections',
    says: 'a slow request does not hold up other connections',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const [busy, free] = [await under.open(), await under.open()];
      busy.send(wire.head(wire.id(1), { uri: `/slow?ms=${under.patienceMs * 2}` }));
      await free.stillAnswers();
    },
  },
  {
    id: 'cancel-unknown',
    says: 'a cancel for a request that is over or never was does no harm',
    section,
    level: 'must',
    async run(under) {
      const { wire } = under;
      const talk = await under.open();
      talk.send(wire.head(wire.id(1), { uri: '/' }));
      await talk.answerTo(wire.id(1));
      talk.send(wire.cancel(wire.id(1)), wire.cancel(wire.id(77)));
      await talk.stillAnswers();
    },
  },
  {
    id: 'cancel-honoured',
    says: 'a request that was cancelled is not answered',
    section,
    level: 'should',
    needs: 'reference',
    async run(under) {
      const { wire, patienceMs } = under;
      const talk = await under.open();
      // the second is slower: an answer to the first would stand before its answer
      talk.send(
        wire.head(wire.id(1), { uri: `/slow?ms=${Math.round(patienceMs / 10)}` }),
        wire.cancel(wire.id(1)),
        wire.head(wire.id(2), { uri: `/slow?ms=${Math.round(patienceMs / 4)}` }),
      );
      await talk.answerTo(wire.id(2));
    },
  },
  {
    id: 'cancel-others',
    says: 'a cancel leaves other requests alone',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const talk = await under.open();
      talk.send(
        wire.head(wire.id(1), { uri: `/slow?ms=50` }),
        wire.head(wire.id(2), { uri: `/slow?ms=50` }),
        wire.cancel(wire.id(1)),
      );
      let answer = await talk.answer();
      if (answer.id === wire.id(1)) answer = await talk.answer();
      if (answer.id !== wire.id(2)) fail('the other request was not answered');
    },
  },
  {
    id: 'cancel-again',
    says: 'an id can be used again after a cancel',
    section,
    level: 'must',
    async run(under) {
      const { wire } = under;
      const talk = await under.open();
      talk.send(wire.head(wire.id(1), { uri: '/' }));
      await talk.answerTo(wire.id(1));
      talk.send(wire.cancel(wire.id(1)), wire.head(wire.id(1), { uri: '/' }));
      await talk.answerTo(wire.id(1));
    },
  },
  {
    id: 'end-after-answers',
    says: 'who says that it sends nothing more still gets the answers to what it asked, then the end',
    section,
    level: 'should',
    async run(under) {
      const { wire } = under;
      const talk = await under.open();
      talk.send(wire.head(wire.id(1), { uri: '/' }), wire.head(wire.id(2), { uri: '/' }));
      talk.channel.end();
      await talk.answers(2);
      if ((await talk.hear()) !== undefined) fail('something followed the answers');
    },
  },
  {
    id: 'end-in-message',
    says: 'who says in the middle of a message that it sends nothing more is not answered, and its connection ends',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const talk = await under.open();
      const bytes = talk.channel.frame(wire.head(wire.id(1), { uri: '/' }));
      talk.channel.sendBytes(bytes.subarray(0, bytes.length - 3));
      talk.channel.end();
      await talk.ends();
    },
  },
  {
    id: 'unread-answers',
    says: 'who reads no answers holds up nobody else, and gets them, or the end, once it reads again',
    section: 'Messages',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const [deaf, other] = [await under.open(), await under.open()];
      deaf.channel.pause();
      // their answers are more than any socket's buffers hold
      const count = 20_000;
      for (let at = 0; at < count; at += 1000) {
        const heads = Array.from({ length: 1000 }, (_, n) => wire.head(wire.id(10_000 + at + n), { uri: '/' }));
        deaf.send(...heads);
        await other.stillAnswers();
      }
      await (await under.open()).stillAnswers();
      deaf.channel.resume();
      let heard = 0;
      while (heard < count) {
        const said = await deaf.hear();
        if (said === undefined) return;
        if (said.kind === 'answer') heard += 1;
      }
    },
  },
];
