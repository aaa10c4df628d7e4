import { type Check, fail } from '../../check.ts';
import { grpcFrame } from '../../raw/grpc-channel.ts';
import { lengthField } from '../../raw/stream-channel.ts';
import { documented } from '../../wire/documented.ts';
import { zentinel } from '../../wire/zentinel.ts';
import type { AgentUnderTest } from '../under-test.ts';

const streams = ['documented', 'zentinel'] as const;
const FRAME_LIMIT = 16 * 1024 * 1024;

/** What happens to bytes that are no message, or no message for an agent. */
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
      const said = await talk.hear();
      if (said?.kind === 'answer' && said.id !== wire.id(2) && said.verdict === 'allow') fail('it was allowed');
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
    id: 'frame-of-zero',
    says: 'a frame of length 0 ends the connection',
    section: 'Frame',
    level: 'must',
    forms: streams,
    async run(under) {
      const talk = await under.open();
      talk.channel.sendBytes(lengthField(0));
      await talk.ends();
    },
  },
  {
    id: 'oversize-refused',
    says: 'a message over the limit is refused by its length, before it comes',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const talk = await under.open();
      if (under.wire.form === 'grpc') {
        const head = grpcFrame(Buffer.alloc(0));
        head.writeUInt32BE(64 * 1024 * 1024, 1);
        talk.channel.sendBytes(head);
      } else talk.channel.sendBytes(Buffer.concat([lengthField(FRAME_LIMIT + 1), Buffer.from([0x10])]));
      await talk.ends();
    },
  },
  {
    id: 'oversize-handshake',
    says: 'a first frame over 64 KiB is refused by its length',
    section: 'Frame',
    level: 'should',
    forms: streams,
    async run(under) {
      const channel = await under.connect();
      channel.sendBytes(Buffer.concat([lengthField(64 * 1024 + 1), Buffer.from([0x01, 0x7b])]));
      const heard = await channel.next(under.patienceMs);
      if (heard.kind === 'silence') fail('it waits for the rest');
    },
  },
  {
    id: 'cut-frame',
    says: 'who leaves in the middle of a message is of no matter to others',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const [leaving, staying] = [await under.open(), await under.open()];
      const bytes = leaving.channel.frame(wire.head(wire.id(1), { uri: '/' }));
      leaving.channel.sendBytes(bytes.subarray(0, bytes.length - 3));
      leaving.channel.destroy();
      await staying.stillAnswers();
      await (await under.open()).stillAnswers();
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
      talk.send(under.wire.head(under.wire.id(1), { uri: '/throw' }));
      const said = await talk.hear();
      if (said?.kind === 'answer' && said.verdict === 'allow') fail('it was allowed');
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
  {
    id: 'version-one',
    says: 'a peer of protocol version 1 is served or dropped, never read as version 2',
    section: 'Frame',
    level: 'must',
    forms: streams,
    async run(under) {
      const channel = await under.connect();
      const text = Buffer.from('{"version":1,"event_type":"configure","payload":{"agent_id":"a","config":{}}}');
      channel.sendBytes(Buffer.concat([lengthField(text.length), text]));
      const heard = await channel.next(under.patienceMs);
      if (heard.kind === 'silence') fail('it was left waiting');
      if (heard.kind === 'message' && heard.type !== 0x7b) fail('it was answered in version 2');
    },
  },
  {
    id: 'grpc-response-headers',
    says: 'response headers come as soon as the stream opens',
    section: 'gRPC',
    level: 'must',
    forms: ['grpc'],
    async run(under) {
      const channel = await under.call();
      const nothing = channel.next(under.patienceMs).then(() => 0);
      const status = await Promise.race([channel.responded, nothing]);
      if (status !== 200) fail(status === 0 ? 'they wait for the first message' : `the status is ${status}`);
    },
  },
  {
    id: 'grpc-unknown-method',
    says: 'a method that does not exist is UNIMPLEMENTED',
    section: 'gRPC',
    level: 'should',
    forms: ['grpc'],
    async run(under) {
      const channel = await under.call('/zentinel.agent.v2.AgentServiceV2/NoSuchMethod');
      channel.end();
      // gRPC reads HTTP status 404 as UNIMPLEMENTED too
      if ((await channel.responded) === 404) return;
      const heard = await channel.next(under.patienceMs);
      if (heard.kind !== 'ended' || heard.why !== 'grpc-status 12') fail(heard.kind === 'ended' ? heard.why : heard.kind);
    },
  },
];
