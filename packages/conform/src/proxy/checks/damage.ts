import { type Check, fail, skip } from '../../check.ts';
import { lengthField } from '../../raw/stream-channel.ts';
import { brokenAnswer } from '../broken-answer.ts';
import type { ProxyEvent } from '../proxy-wire.ts';
import type { ProxyUnderTest } from '../under-test.ts';

const messages = 'Messages';

/** Checks with invalid messages, a dying agent and disconnecting clients. */
export const damageChecks: readonly Check<ProxyUnderTest>[] = [
  {
    id: 'proxy-pong',
    title: 'a ping of the agent is echoed unchanged',
    section: messages,
    level: 'must',
    forms: ['documented'],
    async run(under) {
      await under.works();
      const [connection] = under.open;
      const ping = under.wire.ping?.(9);
      if (connection === undefined || ping === undefined) fail('there is no connection');
      connection.channel.send(ping);
      const pong = (): ProxyEvent | undefined => connection.events.find(({ kind }) => kind === 'pong');
      await under.until('no pong came', () => pong() !== undefined);
      if (!/"sequence":9\b/.test(pong()?.echo ?? '')) fail(`it says ${pong()?.echo}`);
    },
  },
  {
    id: 'proxy-unknown-type',
    title: 'a message of an unknown type is skipped',
    section: 'Frame',
    level: 'should',
    async run(under) {
      await under.works();
      const { open } = under;
      for (const { channel } of open) channel.send(under.wire.unknown());
      await under.works();
      if (open.some(({ channel }) => channel.ended !== undefined)) fail('a connection was closed for it');
    },
  },
  {
    id: 'proxy-strange-answer',
    title: 'unsolicited answers and second answers do not reach a request',
    section: messages,
    level: 'must',
    async run(under) {
      under.policy = (event, { channel }) => {
        if (event.kind !== 'head') return {};
        channel.send(under.wire.answer(under.wire.form === 'documented' ? '77' : 'unknown', { block: 451 }));
        channel.send(under.wire.answer(event.id, {}));
        channel.send(under.wire.answer(event.id, { block: 451 }));
        return undefined;
      };
      for (let turn = 0; turn < 5; turn += 1) {
        const { status } = await under.drive('/strange');
        if (status === 451) fail('a client got the block of an answer that is not its own');
      }
      under.reset();
      await under.works();
    },
  },
  {
    id: 'proxy-broken-answer',
    title: 'an unreadable answer fails its own request only, and does not stall its connection',
    section: messages,
    level: 'must',
    run: brokenAnswer,
  },
  {
    id: 'proxy-wrong-direction',
    title: 'a message that only proxies send is not accepted from an agent, and the proxy recovers',
    section: 'Frame',
    level: 'must',
    async run(under) {
      under.policy = (event, { channel }) => {
        if (event.kind !== 'head') return {};
        channel.send(under.wire.wrongDirection(event.id));
        channel.send(under.wire.answer(event.id, { block: 451 }));
        return undefined;
      };
      const { status } = await under.drive('/wrong-direction');
      under.reset();
      if (status < 400) fail(`it was taken for the answer: the client got ${status}`);
      await under.works();
    },
  },
  {
    id: 'proxy-oversize',
    title: 'a frame over the limit ends its connection, and the proxy recovers',
    section: 'Frame',
    level: 'must',
    forms: ['documented', 'zentinel'],
    async run(under) {
      await under.works();
      const { open } = under;
      for (const { channel } of open)
        channel.sendBytes(Buffer.concat([lengthField(16 * 1024 * 1024 + 1), Buffer.from([0x20])]));
      await under.until('its connection stays open', () => open.every(({ channel }) => channel.ended !== undefined));
      await under.works();
    },
  },
  {
    id: 'proxy-death-mid-request',
    title: 'a request whose agent dies is answered to the client',
    section: messages,
    level: 'must',
    async run(under) {
      under.policy = (_, { channel }) => {
        channel.destroy();
        return undefined;
      };
      await under.drive('/dying');
      under.reset();
      await under.works();
    },
  },
  {
    id: 'proxy-cancel',
    title: 'when the client disconnects, the agent gets a cancel',
    section: messages,
    level: 'should',
    async run(under) {
      await under.works();
      const before = new Set(under.events);
      const leaving = new AbortController();
      const fresh = (kind: ProxyEvent['kind']): boolean =>
        under.events.some((event) => event.kind === kind && !before.has(event));
      under.policy = () => undefined;
      const driven = under.drive('/leaving', undefined, leaving.signal).catch(() => undefined);
      const asked = await under
        .until('', () => fresh('head'))
        .then(
          () => true,
          () => false,
        );
      leaving.abort();
      await driven;
      if (!asked) skip('the agent was not asked about the request whose client leaves');
      await under.until('no cancel came', () => fresh('cancel'));
    },
  },
];
