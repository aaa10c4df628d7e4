import {
  allow,
  block,
  challenge,
  closeWebSocket,
  defineAgent,
  drop,
  pass,
  redirect,
  refuse,
  replace,
  type Agent,
  type AgentDecision,
  type HandlerContext,
  type IncomingChunk,
} from '@agentwire/agent';
import type { Decision } from '@agentwire/core';
import { delay } from '@agentwire/core/internal';

// Decisions never change, so one constant answers every request, and a frozen one is encoded once.
// Most answers are done with the body: this agent looks at those of two paths only.
const DONE = allow().done().freeze();
const SEEN = DONE.setRequestHeader('x-agent', 'allow').withTag('seen').freeze();
const MORE = allow().needsMoreBody().freeze();
const BLOCKED = block(403, 'blocked by agent').withBlockHeader('x-agent', 'block').freeze();
const LOGIN = redirect('https://example.test/login', 302).freeze();
const CAPTCHA = challenge('captcha', { site_key: 'k1' }).freeze();
const ATTACK = block(403, 'attack in body').freeze();
const TEAPOT = block(502).freeze();
const MUTATED_RESPONSE = DONE.setResponseHeader('x-agent-resp', '1').freeze();
const MUTATED = MUTATED_RESPONSE.setRequestHeader('x-agent-set', '1')
  .addRequestHeader('x-agent-add', '1')
  .addRequestHeader('x-agent-add', '2')
  .removeRequestHeader('x-remove-me')
  .withTag('mutated')
  .withRule('r-1')
  .withConfidence(0.5)
  .withReason('TEST')
  .withCustom('k', 'v')
  .freeze();

const LONGEST_WAIT_MS = 60_000;
const INJECTION = 'ignore previous instructions';

/** State per request: the chunks of the body, for `/needs-more`. */
interface State {
  readonly pieces: Uint8Array[];
}

async function slow(ms: number, context: HandlerContext): Promise<Decision> {
  const waitMs = Number.isFinite(ms) ? Math.min(Math.max(0, ms), LONGEST_WAIT_MS) : 0;
  await delay(context.clock, waitMs, context.signal);
  return SEEN;
}

/** `/needs-more`: collects the body and decides on all of it at the last chunk. */
function search(chunk: IncomingChunk, context: HandlerContext<State>): Decision {
  const state = (context.state ??= { pieces: [] });
  state.pieces.push(chunk.data);
  if (!chunk.last) return MORE;
  return Buffer.concat(state.pieces).includes('attack') ? ATTACK : DONE;
}

/** `/transform`: the first word of a chunk selects its mutation; more is requested until the last chunk. */
function transform({ data }: IncomingChunk): AgentDecision {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
  if (text.startsWith('pass')) return pass();
  if (text.startsWith('drop')) return drop();
  return replace(text.toUpperCase());
}

/** The agent that benches and peers in other languages are compared with: the path decides, the query does not count. */
const reference: Agent<State> = defineAgent<State>({
  name: 'reference',
  version: '1.0.0',
  handlerTimeoutMs: LONGEST_WAIT_MS * 2,

  onRequestHeaders(request, context) {
    switch (request.path) {
      case '/block':
        return BLOCKED;
      case '/redirect':
        return LOGIN;
      case '/challenge':
        return CAPTCHA;
      case '/mutate':
        return MUTATED;
      case '/needs-more':
      case '/transform':
        return MORE;
      case '/slow':
        return slow(Number(request.query.get('ms')), context);
      case '/throw':
        throw new Error('as the path requests');
      default:
        return SEEN;
    }
  },

  onRequestBodyChunk(chunk, context) {
    const path = context.request?.path;
    if (path === '/needs-more') return search(chunk, context);
    return path === '/transform' ? transform(chunk) : DONE;
  },

  onResponseHeaders(response, context) {
    if (response.status === 418) return TEAPOT;
    const path = context.request?.path;
    if (path === '/mutate') return MUTATED_RESPONSE;
    return path === '/transform' ? MORE : DONE;
  },

  onResponseBodyChunk(chunk, context) {
    return context.request?.path === '/transform' ? transform(chunk) : DONE;
  },

  onWebSocketFrame(frame) {
    if (frame.opcode !== 'text') return allow();
    const text = Buffer.from(frame.data).toString();
    if (text === 'bad') return closeWebSocket(1008, 'bad word');
    return text === 'drop' ? drop() : allow();
  },

  onGuardrail({ content }) {
    if (!content.includes(INJECTION)) return { detected: false, confidence: 0, detections: [] };
    const start = Buffer.byteLength(content.slice(0, content.indexOf(INJECTION)));
    const span = { start, end: start + INJECTION.length };
    const description = 'the text tells the model to forget its instructions';
    return {
      detected: true,
      confidence: 0.9,
      detections: [{ category: 'prompt_injection', description, severity: 'high', confidence: 0.9, span }],
    };
  },

  onConfigure({ config }) {
    const rejected = typeof config === 'object' && config !== null && 'reject' in config && config.reject === true;
    return rejected ? refuse() : allow();
  },
});

export default reference;
