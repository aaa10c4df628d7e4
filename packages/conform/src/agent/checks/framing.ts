import { type Check, fail } from '../../check.ts';
import { grpcFrame } from '../../raw/grpc-channel.ts';
import { lengthField } from '../../raw/stream-channel.ts';
import type { AgentUnderTest } from '../under-test.ts';

const streams = ['documented', 'zentinel'] as const;
const FRAME_LIMIT = 16 * 1024 * 1024;

/** Checks with incomplete and oversize frames. */
export const framingChecks: readonly Check<AgentUnderTest>[] = [
  {
    id: 'frame-of-zero',
    title: 'a frame of length 0 ends the connection',
    section: 'Frame',
    level: 'must',
    forms: streams,
    async run(under) {
      const link = await under.open();
      link.channel.sendBytes(lengthField(0));
      await link.ends();
    },
  },
  {
    id: 'oversize-refused',
    title: 'a message over the limit is refused by its length, before its payload arrives',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const link = await under.open();
      if (under.wire.form === 'grpc') {
        const head = grpcFrame(Buffer.alloc(0));
        head.writeUInt32BE(64 * 1024 * 1024, 1);
        link.channel.sendBytes(head);
      } else link.channel.sendBytes(Buffer.concat([lengthField(FRAME_LIMIT + 1), Buffer.from([0x10])]));
      await link.ends();
    },
  },
  {
    id: 'oversize-handshake',
    title: 'a first frame over 64 KiB is refused by its length',
    section: 'Frame',
    level: 'should',
    forms: streams,
    async run(under) {
      const channel = await under.connect();
      channel.sendBytes(Buffer.concat([lengthField(64 * 1024 + 1), Buffer.from([0x01, 0x7b])]));
      const next = await channel.next(under.timeoutMs);
      if (next.kind === 'timeout') fail('it waits for the rest');
    },
  },
  {
    id: 'cut-frame',
    title: 'a disconnect inside a message does not affect other connections',
    section: 'Frame',
    level: 'must',
    async run(under) {
      const { wire } = under;
      const [leaving, staying] = [await under.open(), await under.open()];
      const bytes = leaving.channel.frame(wire.head(wire.id(1), { uri: '/' }));
      leaving.channel.sendBytes(bytes.subarray(0, bytes.length - 3));
      leaving.channel.destroy();
      await staying.answersNow();
      await (await under.open()).answersNow();
    },
  },
  {
    id: 'version-one',
    title: 'a peer of protocol version 1 is served or disconnected, never read as version 2',
    section: 'Frame',
    level: 'must',
    forms: streams,
    async run(under) {
      const channel = await under.connect();
      const text = Buffer.from('{"version":1,"event_type":"configure","payload":{"agent_id":"a","config":{}}}');
      channel.sendBytes(Buffer.concat([lengthField(text.length), text]));
      const next = await channel.next(under.timeoutMs);
      if (next.kind === 'timeout') fail('it was left waiting');
      if (next.kind === 'message' && next.type !== 0x7b) fail('it was answered in version 2');
    },
  },
  {
    id: 'grpc-response-headers',
    title: 'response headers are sent as soon as the stream opens',
    section: 'gRPC',
    level: 'must',
    forms: ['grpc'],
    async run(under) {
      const channel = await under.call();
      const nothing = channel.next(under.timeoutMs).then(() => 0);
      const status = await Promise.race([channel.responded, nothing]);
      if (status !== 200) fail(status === 0 ? 'they wait for the first message' : `the status is ${status}`);
    },
  },
  {
    id: 'grpc-unknown-method',
    title: 'a method that does not exist is UNIMPLEMENTED',
    section: 'gRPC',
    level: 'should',
    forms: ['grpc'],
    async run(under) {
      const channel = await under.call('/zentinel.agent.v2.AgentServiceV2/NoSuchMethod');
      channel.end();
      // gRPC reads HTTP status 404 as UNIMPLEMENTED too
      if ((await channel.responded) === 404) return;
      const next = await channel.next(under.timeoutMs);
      if (next.kind !== 'ended' || next.reason !== 'grpc-status 12')
        fail(next.kind === 'ended' ? next.reason : next.kind);
    },
  },
];
