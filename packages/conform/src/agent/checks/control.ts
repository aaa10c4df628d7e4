import { type Check, fail } from '../../check.ts';
import type { AgentUnderTest } from '../under-test.ts';

const section = 'Messages';

/** Checks of pings, cancels and slow requests. */
export const controlChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'ping-echo',
    title: 'a ping is answered with a pong that echoes its content',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.ping(7));
      const message = await link.hear();
      if (message?.kind !== 'pong') fail(message === undefined ? 'the connection ended' : `a ${message.kind} came`);
      if (message.echo !== under.wire.echoOf(7)) fail(`the pong says ${message.echo}`);
    },
  },
  {
    id: 'ping-burst',
    title: 'a hundred pings are answered in their order',
    section,
    level: 'must',
    async run(under) {
      const link = await under.open();
      link.send(...Array.from({ length: 100 }, (_, n) => under.wire.ping(n)));
      for (let n = 0; n < 100; n += 1) {
        const message = await link.hear();
        if (message?.kind !== 'pong' || message.echo !== under.wire.echoOf(n)) fail(`pong ${n} is not there`);
      }
    },
  },
  {
    id: 'ping-while-busy',
    title: 'a ping is answered while a handler runs',
    section,
    level: 'should',
    needs: 'reference',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.head(under.wire.id(1), { uri: `/slow?ms=${under.timeoutMs / 2}` }), under.wire.ping(1));
      const message = await link.hear();
      if (message?.kind !== 'pong') fail('the answer of the slow handler came first');
    },
  },
  {
    id: 'concurrency',
    title: 'a slow request does not delay others on its connection',
    section,
    level: 'should',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      link.send(wire.head(wire.id(1), { uri: `/slow?ms=${under.timeoutMs / 2}` }), wire.head(wire.id(2), { uri: '/' }));
      const { id } = await link.answer();
      if (id !== wire.id(2)) fail('the slow request was answered first');
      await link.answerTo(wire.id(1));
    },
  },
  {
    id: 'concurrency-connections',
    title: 'a slow request does not delay other connections',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const [busy, free] = [await under.open(), await under.open()];
      busy.send(wire.head(wire.id(1), { uri: `/slow?ms=${under.timeoutMs * 2}` }));
      await free.answersNow();
    },
  },
  {
    id: 'cancel-unknown',
    title: 'a cancel for a finished or unknown request has no effect',
    section,
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      link.send(wire.head(wire.id(1), { uri: '/' }));
      await link.answerTo(wire.id(1));
      link.send(wire.cancel(wire.id(1)), wire.cancel(wire.id(77)));
      await link.answersNow();
    },
  },
  {
    id: 'cancel-honoured',
    title: 'a cancelled request is not answered',
    section,
    level: 'should',
    needs: 'reference',
    async run(under) {
      const { wire, timeoutMs } = under;
      const link = await under.open();
      // the second is slower: an answer to the first would arrive before it
      link.send(
        wire.head(wire.id(1), { uri: `/slow?ms=${Math.round(timeoutMs / 10)}` }),
        wire.cancel(wire.id(1)),
        wire.head(wire.id(2), { uri: `/slow?ms=${Math.round(timeoutMs / 4)}` }),
      );
      await link.answerTo(wire.id(2));
    },
  },
  {
    id: 'cancel-others',
    title: 'a cancel does not affect other requests',
    section,
    level: 'must',
    needs: 'reference',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      link.send(
        wire.head(wire.id(1), { uri: `/slow?ms=50` }),
        wire.head(wire.id(2), { uri: `/slow?ms=50` }),
        wire.cancel(wire.id(1)),
      );
      let answer = await link.answer();
      if (answer.id === wire.id(1)) answer = await link.answer();
      if (answer.id !== wire.id(2)) fail('the other request was not answered');
    },
  },
  {
    id: 'cancel-again',
    title: 'an id can be reused after a cancel',
    section,
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      link.send(wire.head(wire.id(1), { uri: '/' }));
      await link.answerTo(wire.id(1));
      link.send(wire.cancel(wire.id(1)), wire.head(wire.id(1), { uri: '/' }));
      await link.answerTo(wire.id(1));
    },
  },
  {
    id: 'end-after-answers',
    title: 'after a proxy half-closes, pending requests are still answered, then the connection closes',
    section,
    level: 'should',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      link.send(wire.head(wire.id(1), { uri: '/' }), wire.head(wire.id(2), { uri: '/' }));
      link.channel.end();
      await link.answers(2);
      if ((await link.hear()) !== undefined) fail('something followed the answers');
    },
  },
  {
    id: 'end-in-message',
    title: 'a half-close inside a message is not answered, and the connection closes',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const link = await under.open();
      const bytes = link.channel.frame(wire.head(wire.id(1), { uri: '/' }));
      link.channel.sendBytes(bytes.subarray(0, bytes.length - 3));
      link.channel.end();
      await link.ends();
    },
  },
  {
    id: 'unread-answers',
    title: 'a proxy that stops reading does not delay others, and gets its answers, or the end, once it reads again',
    section: 'Messages',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const [deaf, other] = [await under.open(), await under.open()];
      deaf.channel.pause();
      // their answers exceed every socket buffer
      const count = 20_000;
      for (let at = 0; at < count; at += 1000) {
        const heads = Array.from({ length: 1000 }, (_, n) => wire.head(wire.id(10_000 + at + n), { uri: '/' }));
        deaf.send(...heads);
        await other.answersNow();
      }
      await (await under.open()).answersNow();
      deaf.channel.resume();
      let next = 0;
      while (next < count) {
        const message = await deaf.hear();
        if (message === undefined) return;
        if (message.kind === 'answer') next += 1;
      }
    },
  },
];
