import { type Check, fail, failOn } from '../../check.ts';
import type { RawMessage } from '../../raw/receive-queue.ts';
import type { AgentUnderTest } from '../under-test.ts';

const section = 'Handshake and how a dialect is chosen';
const streams = ['documented', 'zentinel'] as const;

/** Waits until the agent closes the connection or answers with a refusal. */
async function refused(under: AgentUnderTest, first: RawMessage): Promise<void> {
  const channel = await under.connect();
  channel.send(first);
  const next = await channel.next(under.timeoutMs);
  if (next.kind === 'timeout') fail(`nothing happened in ${under.timeoutMs} ms`);
  if (next.kind === 'ended') return;
  if (under.wire.readHello(next).accepted) fail('it was accepted');
}

/** Checks of the handshake: accepted forms, refused versions, encodings. */
export const handshakeChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'handshake-answer',
    title: 'the handshake is answered with one complete reply in the format of the request',
    section,
    level: 'must',
    async run(under) {
      const answer = await under.handshake();
      if (!answer.accepted) fail(`it was refused: ${answer.error ?? 'no reason was given'}`);
      if (answer.form !== under.wire.form) fail(`it was answered in the ${answer.form} dialect`);
    },
  },
  {
    id: 'handshake-fields',
    title: 'the reply has every required field',
    section,
    level: 'must',
    run: async (under) => failOn((await under.handshake()).problems),
  },
  {
    id: 'handshake-in-pieces',
    title: 'a fragmented handshake is accepted',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const channel = await under.connect();
      const bytes = channel.frame(under.wire.hello());
      for (const [from, to] of [
        [0, 2],
        [2, 4],
        [4, 5],
        [5, 20],
      ]) {
        channel.sendBytes(bytes.subarray(from, to));
        // long enough for the piece to be read alone
        if ((await channel.next(20)).kind !== 'timeout') fail(`${to} bytes of it were taken for the whole`);
      }
      channel.sendBytes(bytes.subarray(20));
      if (!(await under.handshakeAnswer(channel)).accepted) fail('it was refused');
    },
  },
  {
    id: 'handshake-unknown-field',
    title: 'unknown fields of the handshake are ignored',
    section,
    level: 'must',
    async run(under) {
      if (!(await under.handshake({ extra: true })).accepted) fail('it was refused');
    },
  },
  {
    id: 'handshake-four',
    title: 'four connections in a row are each answered immediately and stay open',
    section,
    level: 'must',
    async run(under) {
      const talks = [await under.open(), await under.open(), await under.open(), await under.open()];
      for (const link of talks) await link.answersNow();
    },
  },
  {
    id: 'version-refused',
    title: 'an unsupported version is refused',
    section,
    level: 'must',
    run: (under) => refused(under, under.wire.hello({ version: 3 })),
  },
  {
    id: 'version-refused-with-reason',
    title: 'the refusal of a version names the version',
    section,
    level: 'should',
    async run(under) {
      const { accepted, error } = await under.handshake({ version: 3 });
      if (accepted) fail('it was accepted');
      if (!(error ?? '').includes('3')) fail(`the reason is ${JSON.stringify(error)}`);
    },
  },
  {
    id: 'handshake-garbage',
    title: 'an unreadable handshake is refused, and the next one is answered',
    section,
    level: 'must',
    async run(under) {
      const { type } = under.wire.hello();
      await refused(under, { type, payload: Buffer.from('{"\u00e4') });
      await (await under.open()).answersNow();
    },
  },
  {
    id: 'handshake-missing',
    title: 'an event before the handshake gets no decision',
    section,
    level: 'must',
    async run(under) {
      const channel = await under.connect();
      channel.send(under.wire.head(under.wire.id(1), { uri: '/' }));
      const next = await channel.next(under.timeoutMs);
      if (next.kind === 'message' && under.wire.read(next).kind === 'answer') fail('it was answered');
    },
  },
  {
    id: 'handshake-twice',
    title: 'a second handshake on one connection is not accepted',
    section: 'Message types',
    level: 'must',
    async run(under) {
      const link = await under.open();
      link.send(under.wire.hello());
      await link.endsOrGoesOn();
    },
  },
  {
    id: 'encoding-default',
    title: 'a handshake without encodings gets JSON',
    section,
    level: 'must',
    forms: streams,
    async run(under) {
      const { encoding } = await under.handshake();
      if (encoding !== 'json') fail(`it chose ${encoding}`);
    },
  },
  {
    id: 'encoding-order',
    title: 'the first offered encoding that both sides support is chosen',
    section,
    level: 'should',
    forms: streams,
    async run(under) {
      const { encoding } = await under.handshake({ encodings: ['json', 'msgpack'] });
      if (encoding !== 'json') fail(`json stood first in the offer, it chose ${encoding}`);
    },
  },
  {
    id: 'encoding-offered',
    title: 'the chosen encoding was offered, or is JSON',
    section,
    level: 'must',
    forms: streams,
    async run(under) {
      const { accepted, encoding } = await under.handshake({ encodings: ['msgpack'] });
      if (accepted && encoding !== 'msgpack' && encoding !== 'json') fail(`it chose ${encoding}`);
      const only = await under.handshake({ encodings: ['json'] });
      if (only.encoding !== 'json') fail(`json alone was offered, it chose ${only.encoding}`);
    },
  },
  {
    id: 'encoding-unknown',
    title: 'an unknown encoding does not break the handshake',
    section,
    level: 'should',
    forms: streams,
    async run(under) {
      const { accepted, encoding } = await under.handshake({ encodings: ['x-conform', 'json'] });
      if (!accepted || encoding !== 'json') fail(accepted ? `it chose ${encoding}` : 'it was refused');
    },
  },
];
