import { type Capabilities, type Decision, type RequestMetadata, systemClock } from '@agentwire/core';
import type { EventBody, Exchange } from '@agentwire/core/session';
import type { Phase } from './call-decision.ts';
import type { CallScript } from './call-script.ts';

/** Unique per call: in containers every process has the same pid. */
const CALL_ID = `call-${crypto.randomUUID()}`;

const metadata = (): RequestMetadata => ({
  correlationId: CALL_ID,
  requestId: CALL_ID,
  clientIp: '127.0.0.1',
  clientPort: 0,
  protocol: 'HTTP/1.1',
  timestamp: new Date(systemClock.wallNow()).toISOString(),
});

/** Sends the events of a script through an exchange, one after the other, until the agent decides against the request. */
export async function* playScript(
  exchange: Exchange,
  script: CallScript,
  capabilities: Capabilities,
): AsyncGenerator<[Phase, Decision, number]> {
  const ask = async (phase: Phase, event: EventBody): Promise<[Phase, Decision, number]> => {
    const since = systemClock.now();
    const decision = await exchange.ask(event, { timeoutMs: script.timeoutMs });
    return [phase, decision, systemClock.now() - since];
  };
  async function* body(
    phase: 'request_body' | 'response_body',
    bytes: Uint8Array = new Uint8Array(0),
  ): AsyncGenerator<[Phase, Decision, number]> {
    const type = phase === 'request_body' ? 'requestBodyChunk' : 'responseBodyChunk';
    // a missing body is one empty last chunk: an agent that requested the body waits for its end
    const count = Math.max(1, Math.ceil(bytes.byteLength / script.chunkBytes));
    for (let index = 0; index < count; index++) {
      const data = bytes.subarray(index * script.chunkBytes, (index + 1) * script.chunkBytes);
      const outcome = await ask(phase, { type, index, data, last: index === count - 1, totalSize: bytes.byteLength });
      yield outcome;
      if (outcome[1].needsMore !== true || outcome[1].verdict.type !== 'allow') return;
    }
  }
  const { method, uri, headers } = script;
  const head = await ask('request_headers', {
    type: 'requestHeaders',
    metadata: metadata(),
    method,
    uri,
    headers,
    hasBody: script.body !== undefined,
  });
  yield head;
  let stopped = head[1].verdict.type !== 'allow';
  if (!stopped && head[1].needsMore === true) {
    for await (const outcome of body('request_body', script.body)) {
      yield outcome;
      stopped = outcome[1].verdict.type !== 'allow';
    }
  }
  if (stopped || script.response === undefined || !capabilities.events.includes('responseHeaders')) return;
  const { status, headers: responseHeaders, body: responseBody } = script.response;
  const answer = await ask('response_headers', {
    type: 'responseHeaders',
    status,
    headers: responseHeaders,
    hasBody: responseBody !== undefined,
  });
  yield answer;
  if (answer[1].verdict.type !== 'allow' || answer[1].needsMore !== true) return;
  yield* body('response_body', responseBody);
}
