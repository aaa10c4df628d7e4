import { type Check, fail } from '../../check.ts';
import { grpcFrame } from '../../raw/grpc-channel.ts';
import { lengthField } from '../../raw/stream-channel.ts';
import type { AgentUnderTest } from '../under-test.ts';

const streams = ['documented', 'zentinel'] as const;
const FRAME_LIMIT = 16 * 1024 * 1024;

/** What happens to bytes that are no whole message. */
export const framingChecks: readonly Check<AgentUnderTest>[] = [
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
      if (heard.kind !== 'ended' || heard.why !== 'grpc-status 12')
        fail(heard.kind === 'ended' ? heard.why : heard.kind);
    },
  },
];
