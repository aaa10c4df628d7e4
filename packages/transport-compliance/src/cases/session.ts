import assert from 'node:assert/strict';
import { ALLOW, type Connection, type Decision, type ProxyEvent } from '@agentwire/core';
import type { EventBody, ProxySession } from '@agentwire/core/session';
import { withFaults } from '@agentwire/core/testing';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { chunk, requestHeaders } from '../kit/samples.ts';

const { id: _headersId, ...HEADERS } = requestHeaders(0);

function body(index: number, last: boolean): EventBody {
  const { id: _id, ...rest } = chunk(0, index, 1000);
  return { ...rest, last };
}

const tagged = (tag: string, needsMore = true): Decision => ({
  verdict: { type: 'allow' },
  audit: { tags: [tag] },
  needsMore,
});
const tagsOf = (decisions: readonly Decision[]): unknown[] => decisions.map((decision) => decision.audit?.tags?.[0]);
// a case that fails half-way leaves requests behind whose rejections have no catcher
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

const ask = (session: ProxySession, ...question: Parameters<ProxySession['request']>): Promise<Decision> =>
  quiet(session.request(...question));
const nameOf = (event: ProxyEvent): string => ('index' in event ? `chunk ${event.index}` : event.type);

/** Requirements of sessions, checked with the sessions themselves. */
export const SESSION_CASES: readonly ComplianceCase[] = [
  rule('session.request', 'one request gets its decision, 200 at once get theirs', async (kit) => {
    const listener = await kit.serve({
      onEvent: (event) => tagged(event.type === 'requestHeaders' ? event.uri : event.type, false),
    });
    const session = await kit.session(listener.address);
    const uris = Array.from({ length: 200 }, (_, at) => `/${at}`);
    const decisions = await kit.settled(
      '200 decisions',
      Promise.all(uris.map((uri) => ask(session, { ...HEADERS, uri }))),
    );
    assert.deepEqual(tagsOf(decisions), uris);
    assert.deepEqual([session.inFlight, session.pending], [0, 0]);
  }),
  rule('session.independent', 'a request that takes long delays no other', async (kit) => {
    const slow = Promise.withResolvers<Decision>();
    const listener = await kit.serve({
      onEvent: (event) =>
        event.type === 'requestHeaders' && event.uri === '/slow' ? slow.promise : tagged('fast', false),
    });
    const session = await kit.session(listener.address);
    const first = ask(session, { ...HEADERS, uri: '/slow' });
    const second = await kit.settled('the fast request', ask(session, HEADERS));
    slow.resolve(tagged('slow', false));
    assert.deepEqual(tagsOf([await kit.settled('the slow request', first), second]), ['slow', 'fast']);
  }),
  rule('session.order', 'the n-th answer of a request belongs to its n-th event', async (kit) => {
    const first = Promise.withResolvers<void>();
    const listener = await kit.serve({
      async onEvent(event) {
        if (event.type === 'requestHeaders') await first.promise;
        return tagged(nameOf(event));
      },
    });
    const session = await kit.session(listener.address);
    const exchange = session.open();
    const asked = [HEADERS, body(0, false), body(1, false), body(2, true)].map((event) => quiet(exchange.ask(event)));
    await kit.settle();
    first.resolve();
    const decisions = await kit.settled('four decisions', Promise.all(asked));
    assert.deepEqual(tagsOf(decisions), ['requestHeaders', 'chunk 0', 'chunk 1', 'chunk 2']);
    exchange.end();
    assert.equal(session.inFlight, 0);
  }),
  rule(
    'session.deadline',
    'a request that is not answered in time is ERR_TIMEOUT, and its late answer is dropped',
    async (kit) => {
      const late = Promise.withResolvers<Decision>();
      const asked = Promise.withResolvers<void>();
      const listener = await kit.serve({
        onEvent(event) {
          if (event.type === 'requestHeaders' && event.uri !== '/late') return tagged('good', false);
          asked.resolve();
          return late.promise;
        },
      });
      const session = await kit.session(listener.address);
      const question = ask(session, { ...HEADERS, uri: '/late' }, { timeoutMs: 500 });
      question.catch(() => undefined);
      await kit.settled('the handler', asked.promise);
      kit.clock.advance(600);
      await kit.rejects('the question', question, 'ERR_TIMEOUT');
      late.resolve(tagged('late', false));
      const next = await kit.settled('the next request', ask(session, HEADERS));
      assert.deepEqual(tagsOf([next]), ['good']);
      assert.deepEqual([session.inFlight, session.pending], [0, 0]);
    },
  ),
  rule('session.cancel', "a cancelled request aborts the handler's signal", async (kit) => {
    const asked = Promise.withResolvers<AbortSignal>();
    const listener = await kit.serve({
      onEvent(_event, request) {
        asked.resolve(request.signal);
        return new Promise(() => undefined);
      },
    });
    const session = await kit.session(listener.address);
    const abort = new AbortController();
    const question = ask(session, HEADERS, { signal: abort.signal });
    const signal = await kit.settled('the handler', asked.promise);
    assert.equal(signal.aborted, false);
    abort.abort();
    await kit.rejects('the question', question, 'ERR_ABORTED');
    await kit.until("the handler's signal", () => signal.aborted);
  }),
  rule(
    'session.death',
    'when the other side drops the connection all requests fail at once with ERR_CLOSED',
    async (kit) => {
      let connection: Connection | undefined;
      let asked = 0;
      const listener = await kit.serve({
        onEvent(_event, request) {
          asked += 1;
          connection = request.connection;
          return new Promise(() => undefined);
        },
      });
      const session = await kit.session(listener.address);
      const questions = Array.from({ length: 20 }, () => ask(session, HEADERS));
      for (const question of questions) question.catch(() => undefined);
      await kit.until('20 questions', () => asked === 20);
      connection?.abort();
      for (const question of questions) await kit.rejects('a question', question, 'ERR_CLOSED');
      assert.deepEqual([session.inFlight, session.pending], [0, 0]);
    },
  ),
  rule('session.drain', 'a drain finishes running requests and refuses new ones', async (kit) => {
    const answers: ((decision: Decision) => void)[] = [];
    let tells = false;
    const listener = await kit.serve({
      onOpen: ({ connection }) => (tells = connection.peer.accepts.has('drain')),
      onEvent: () => new Promise((resolve) => answers.push(resolve)),
    });
    const session = await kit.session(listener.address);
    const questions = Array.from({ length: 5 }, () => ask(session, HEADERS));
    await kit.until('5 questions', () => answers.length === 5);
    const drained = quiet(listener.drain());
    // to a peer without a drain message, a drain is only a close that waits
    if (tells) {
      await kit.until('the proxy to know', () => session.draining);
      kit.throws('a new exchange', () => session.open(), 'ERR_DRAINING', 'ERR_CLOSED');
    }
    for (const answer of answers) answer(tagged('finished', false));
    const decisions = await kit.settled('5 decisions', Promise.all(questions));
    assert.deepEqual(
      tagsOf(decisions),
      Array.from({ length: 5 }, () => 'finished'),
    );
    await kit.settled('drain', drained);
  }),
  rule('session.malformed', 'an answer that cannot be decoded fails its own request, and no other', async (kit) => {
    let answers = 0;
    const proxyEnd = kit.subject.opener === 'agent' ? 'accepted' : 'dialled';
    const faulty = withFaults(kit.transport, {
      clock: kit.clock,
      message(message, { end }) {
        if (end !== proxyEnd || message.type !== 'answer') return undefined;
        answers += 1;
        return answers === 2 ? { do: 'malform' } : undefined;
      },
    });
    const listener = await kit.serve({ onEvent: () => ALLOW }, faulty);
    const session = await kit.session(listener.address, faulty);
    const questions = [ask(session, HEADERS), ask(session, HEADERS), ask(session, HEADERS)] as const;
    await kit.rejects('the second question', questions[1], 'ERR_PROTOCOL');
    await kit.settled('the first question', questions[0]);
    await kit.settled('the third question', questions[2]);
    await kit.settled('a later question', ask(session, HEADERS));
  }),
];
