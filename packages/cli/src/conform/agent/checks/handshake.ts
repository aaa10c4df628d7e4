import { type Check, fail, none } from '../../check.ts';
import type { RawMessage } from '../../raw/inbox.ts';
import type { AgentUnderTest } from '../under-test.ts';

const section = 'Handshake and how a dialect is chosen';
const streams = ['documented', 'zentinel'] as const;

/** Waits until the other side ends the connection or refuses with an answer. */
async function refused(under: AgentUnderTest, first: RawMessage): Promise<void> {
  const channel = await under.connect();
  channel.send(first);
  const heard = await channel.next(under.patienceMs);
  if (heard.kind === 'silence') fail(`nothing happened in ${under.patienceMs} ms`);
  if (heard.kind === 'ended') return;
  if (under.wire.readHello(heard).accepted) fail('it was accepted');
}

/** How the handshake is done, and what does not get through it. */
export const handshakeChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'handshake-answer',
    says: 'the handshake is answered with one whole reply in the shape of the request',
    section,
    level: 'must',
    async run(under) {
      const answer = await under.greet();
      if (!answer.accepted) fail(`it was refused: ${answer.error ?? 'no reason was given'}`);
      if (answer.form !== under.wire.form) fail(`it was answered in the ${answer.form} dialect`);
    },
  },
  {
    id: 'handshake-fields',
    says: 'the reply has every field that the protocol asks for',
    section,
    level: 'must',
    run: async (under) => none((await under.greet()).problems),
  },
  {
    id: 'handshake-in-pieces',
    says: 'a handshake that comes in pieces is understood',
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
        if ((await channel.next(20)).kind !== 'silence') fail(`${to} bytes of it were taken for the whole`);
      }
      channel.sendBytes(bytes.subarray(20));
      if (!(await under.handshakeAnswer(channel)).accepted) fail('it was refused');
    },
  },
  {
    id: 'handshake-unknown-field',
    says: 'fields of the handshake that nobody knows are ignored',
    section,
    level: 'must',
    async run(under) {
      if (!(await under.greet({ extra: true })).accepted) fail('it was refused');
    },
  },
  {
    id: 'handshake-four',
    says: 'four connections, one after the other, are all answered at once and stay',
    section,
    level: 'must',
    async run(under) {
      const talks = [await under.open(), await under.open(), await under.open(), await under.open()];
      for (const talk of talks) await talk.stillAnswers();
    },
  },
  {
    id: 'version-refused',
    says: 'a version that it does not speak is refused',
    section,
    level: 'must',
    run: (under) => refused(under, under.wire.hello({ version: 3 })),
  },
  {
    id: 'version-refused-with-reason',
    says: 'the refusal of a version names the version',
    section,
    level: 'should',
    async run(under) {
      const { accepted, error } = await under.greet({ version: 3 });
      if (accepted) fail('it was accepted');
      if (!(error ?? '').includes('3')) fail(`the reason is ${JSON.stringify(error)}`);
    },
  },
  {
    id: 'handshake-garbage',
    says: 'a handshake that cannot be read is refused, and the next one is answered',
    section,
    level: 'must',
    async run(under) {
      const { type } = under.wire.hello();
      await refused(under, { type, payload: Buffer.from('{"\u00e4') });
      await (await under.open()).stillAnswers();
    },
  },
  {
    id: 'handshake-missing',
    says: 'an event before the handshake is not decided on',
    section,
    level: 'must',
    async run(under) {
      const channel = await under.connect();
      channel.send(under.wire.head(under.wire.id(1), { uri: '/' }));
      const heard = await channel.next(under.patienceMs);
      if (heard.kind === 'message' && under.wire.read(heard).kind === 'answer') fail('it was answered');
    },
  },
  {
    id: 'handshake-twice',
    says: 'a second handshake on one connection is not accepted again',
    section: 'Message types',
    level: 'must',
    async run(under) {
      const talk = await under.open();
      talk.send(under.wire.hello());
      await talk.endsOrGoesOn();
    },
  },
  {
    id: 'encoding-default',
    says: 'who offers no encoding gets JSON',
    section,
    level: 'must',
    forms: streams,
    async run(under) {
      const { encoding } = await under.greet();
      if (encoding !== 'json') fail(`it chose ${encoding}`);
    },
  },
  {
    id: 'encoding-order',
    says: 'the first encoding of the offer that both know is taken',
    section,
    level: 'should',
    forms: streams,
    async run(under) {
      const { encoding } = await under.greet({ encodings: ['json', 'msgpack'] });
      if (encoding !== 'json') fail(`json stood first in the offer, it chose ${encoding}`);
    },
  },
  {
    id: 'encoding-offered',
    says: 'the chosen encoding was offered, or is JSON',
    section,
    level: 'must',
    forms: streams,
    async run(under) {
      const { accepted, encoding } = await under.greet({ encodings: ['msgpack'] });
      if (accepted && encoding !== 'msgpack' && encoding !== 'json') fail(`it chose ${encoding}`);
      const only = await under.greet({ encodings: ['json'] });
      if (only.encoding !== 'json') fail(`json alone was offered, it chose ${only.encoding}`);
    },
  },
  {
    id: 'encoding-unknown',
    says: 'an encoding that nobody knows does not break the handshake',
    section,
    level: 'should',
    forms: streams,
    async run(under) {
      const { accepted, encoding } = await under.greet({ encodings: ['x-conform', 'json'] });
      if (!accepted || encoding !== 'json') fail(accepted ? `it chose ${encoding}` : 'it was refused');
    },
  },
];
