import { type Check, fail, skip } from '../../check.ts';
import type { ProxyUnderTest } from '../under-test.ts';

const section = 'Messages';
const LIVE = 6;

/** A request whose client leaves before it is answered, and its answer after that, while others wait for theirs. */
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
  under.calm();
  if (statuses.includes(451)) fail('another request got it');
  const hurt = statuses.filter((status) => status === 0 || status >= 500);
  if (hurt.length > 0) fail('other requests failed with it');
  await under.works();
}

/** A head that is allowed twice, and a block of the response that follows. */
async function doubledAnswer(under: ProxyUnderTest): Promise<void> {
  await under.works();
  if (!under.events.some(({ kind }) => kind === 'responseHeaders')) skip('it sends no response headers');
  under.policy = (event, { channel }) => {
    if (event.kind !== 'head') return { block: 451 };
    for (let twice = 0; twice < 2; twice += 1) channel.send(under.wire.answer(event.id, {}));
    return undefined;
  };
  const { status } = await under.drive('/doubled');
  under.calm();
  if (status < 400) fail(`the second allow was taken for the answer to the response: the client got ${status}`);
  await under.works();
}

/** An agent that says it sends nothing more, while a request waits for its answer. */
async function halfClose(under: ProxyUnderTest): Promise<void> {
  const ending: { readonly ended: string | undefined }[] = [];
  under.policy = (event, { channel }) => {
    if (event.kind !== 'head') return {};
    ending.push(channel);
    channel.end();
    return undefined;
  };
  const { status } = await under.drive('/half-closed');
  under.calm();
  if (status < 400) fail(`the request was allowed: the client got ${status}`);
  await under.until('its side of the connection stays open', () => ending.every(({ ended }) => ended !== undefined));
  await under.works();
}

/** Answers that come when nothing is asked any more, and an agent that ends its side alone. */
export const outOfTurnChecks: readonly Check<ProxyUnderTest>[] = [
  {
    id: 'proxy-late-answer',
    says: 'an answer that comes after its request is over reaches no other request',
    section,
    level: 'must',
    run: lateAnswer,
  },
  {
    id: 'proxy-doubled-answer',
    says: 'a head that is answered twice does not decide what comes next',
    section,
    level: 'must',
    run: doubledAnswer,
  },
  {
    id: 'proxy-half-close',
    says: 'when the agent says that it sends nothing more, what waits fails, and the connection is closed and made anew',
    section: 'Frame',
    level: 'must',
    run: halfClose,
  },
];
