import { type Check, fail, skip } from '../../check.ts';
import type { ProxyUnderTest } from '../under-test.ts';

const section = 'Messages';
const LIVE = 6;

/** Answers a request after its client disconnected, while other requests are pending. */
async function lateAnswer(under: ProxyUnderTest): Promise<void> {
  await under.works();
  const leaving = new AbortController();
  const late: (() => void)[] = [];
  const held: (() => void)[] = [];
  under.policy = (event, { channel }) => {
    if (event.kind !== 'head') return {};
    if (event.uri.endsWith('/late')) late.push(() => channel.send(under.wire.answer(event.id, { block: 451 })));
    else held.push(() => channel.send(under.wire.answer(event.id, {})));
    return undefined;
  };
  const left = under.drive('/late', undefined, leaving.signal).catch(() => undefined);
  const asked = await under
    .until('', () => late.length > 0)
    .then(
      () => true,
      () => false,
    );
  leaving.abort();
  await left;
  if (!asked) skip('the agent was not asked about the request whose client leaves');
  const driven = Promise.allSettled(Array.from({ length: LIVE }, (_, n) => under.drive(`/after-${n}`)));
  await under
    .until('the heads of later requests did not come', () => held.length >= LIVE)
    .finally(() => {
      for (const send of [...late, ...held]) send();
    });
  const statuses = (await driven).map((one) => (one.status === 'fulfilled' ? one.value.status : 0));
  under.reset();
  if (statuses.includes(451)) fail('another request got it');
  const hurt = statuses.filter((status) => status === 0 || status >= 500);
  if (hurt.length > 0) fail('other requests failed with it');
  await under.works();
}

/** Allows a head twice, then blocks the response. */
async function doubledAnswer(under: ProxyUnderTest): Promise<void> {
  await under.works();
  if (!under.events.some(({ kind }) => kind === 'responseHeaders')) skip('it sends no response headers');
  under.policy = (event, { channel }) => {
    if (event.kind !== 'head') return { block: 451 };
    for (let twice = 0; twice < 2; twice += 1) channel.send(under.wire.answer(event.id, {}));
    return undefined;
  };
  const { status } = await under.drive('/doubled');
  under.reset();
  if (status < 400) fail(`the second allow was taken for the answer to the response: the client got ${status}`);
  await under.works();
}

/** Half-closes the agent's side while a request is pending. */
async function halfClose(under: ProxyUnderTest): Promise<void> {
  const ending: { readonly ended: string | undefined }[] = [];
  under.policy = (event, { channel }) => {
    if (event.kind !== 'head') return {};
    ending.push(channel);
    channel.end();
    return undefined;
  };
  const { status } = await under.drive('/half-closed');
  under.reset();
  if (status < 400) fail(`the request was allowed: the client got ${status}`);
  await under.until('its side of the connection stays open', () => ending.every(({ ended }) => ended !== undefined));
  await under.works();
}

/** Checks with late and doubled answers and a half-closed agent. */
export const outOfTurnChecks: readonly Check<ProxyUnderTest>[] = [
  {
    id: 'proxy-late-answer',
    title: 'an answer that arrives after its request has ended reaches no other request',
    section,
    level: 'must',
    run: lateAnswer,
  },
  {
    id: 'proxy-doubled-answer',
    title: 'a second answer to a head does not decide the next event',
    section,
    level: 'must',
    run: doubledAnswer,
  },
  {
    id: 'proxy-half-close',
    title: 'when the agent half-closes, pending requests fail, and the proxy closes the connection and reconnects',
    section: 'Frame',
    level: 'must',
    run: halfClose,
  },
];
