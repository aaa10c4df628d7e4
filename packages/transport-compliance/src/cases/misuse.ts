import assert from 'node:assert/strict';
import type { Decision } from '@agentwire/core';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { chunk, requestHeaders } from '../kit/samples.ts';
import { Side } from '../kit/side.ts';

const { id: _headersId, ...HEADERS } = requestHeaders(0);
const { id: _chunkId, ...CHUNK } = chunk(0, 0, 1000);
const MORE: Decision = { verdict: { type: 'allow' }, needsMore: true };
const BLOCK: Decision = { verdict: { type: 'block', status: 403 } };
const LARGE: Decision = { verdict: { type: 'block', status: 403, body: 'x'.repeat(60 * 1024) } };
/** Number of large answers that exceeds the buffers of both ends and of a medium. */
const MANY = 600;

/** Sessions whose other side answers twice, reads nothing, or ends half-way. */
export const MISUSE_CASES: readonly ComplianceCase[] = [
  rule(
    'session.doubled',
    'a second answer to a live request ends that one with ERR_PROTOCOL, does not answer its next event, and harms no other',
    async (kit) => {
      const agent = new Side();
      let times = 2;
      agent.react = (message) => {
        if (message.type === 'requestHeaders')
          for (let at = 0; at < times; at += 1)
            agent.connection.send({ type: 'answer', id: message.id, decision: MORE });
        if (message.type === 'requestBodyChunk')
          agent.connection.send({ type: 'answer', id: message.id, decision: BLOCK });
      };
      const listener = await kit.serveSide(agent);
      const session = await kit.session(listener.address);
      const doubled = session.open();
      await kit.settled('the head', doubled.ask(HEADERS));
      await kit.until('the second answer', () => session.stats.unasked === 1);
      const next = Promise.resolve().then(() => doubled.ask({ ...CHUNK, last: true }));
      await kit.rejects('the chunk after it', next, 'ERR_PROTOCOL');
      times = 1;
      const other = session.open();
      await kit.settled('the head of another request', other.ask(HEADERS));
      const decision = await kit.settled('its chunk', other.ask({ ...CHUNK, last: true }));
      assert.equal(decision.verdict.type, 'block');
      other.end();
      assert.deepEqual([session.inFlight, session.pending], [0, 0]);
    },
  ),
  rule(
    'session.unread',
    'an agent stops reading from a proxy that does not read its answers, serves others, and goes on once they are read',
    async (kit) => {
      let handled = 0;
      const listener = await kit.serve({
        onEvent(event) {
          if (event.type !== 'requestHeaders' || event.uri !== '/large') return BLOCK;
          handled += 1;
          return LARGE;
        },
      });
      const [unread, other] = [await kit.session(listener.address), await kit.session(listener.address)];
      unread.connection.pause();
      const questions = Array.from({ length: MANY }, () => unread.request({ ...HEADERS, uri: '/large' }));
      for (const question of questions) question.catch(() => undefined);
      await kit.settled('another proxy', other.request(HEADERS));
      for (let before = -1; before !== handled;) {
        before = handled;
        await kit.settle();
      }
      assert.ok(handled < MANY, `all ${MANY} answers of 60 KiB were made, and none was read`);
      unread.connection.resume();
      await kit.settled('all answers', Promise.all(questions));
      assert.equal(handled, MANY);
    },
    'pause',
  ),
  rule(
    'session.half-open',
    'a proxy that closes while an agent decides ends both sides, at its close deadline at the latest; the handler is aborted, and no request waits',
    async (kit) => {
      const asked = Promise.withResolvers<AbortSignal>();
      let ended = 0;
      const listener = await kit.serve({
        onEvent(_event, request) {
          asked.resolve(request.signal);
          return new Promise(() => undefined);
        },
        onClose: () => (ended += 1),
      });
      const session = await kit.session(listener.address);
      const question = session.request(HEADERS);
      question.catch(() => undefined);
      const signal = await kit.settled('the handler', asked.promise);
      const closed = session.connection.close();
      // an agent may go on answering a proxy that has half-closed until the proxy is gone
      for (let second = 0; second < 10 && !signal.aborted; second += 1) {
        await kit.settle();
        kit.clock.advance(1000);
      }
      await kit.settled('close', closed);
      await kit.rejects('the question', question, 'ERR_CLOSED');
      await kit.until("the handler's signal", () => signal.aborted);
      await kit.until('the end of the other side', () => ended === 1);
    },
  ),
];
