import { type Agent, allow, defineAgent } from '@agentwire/agent';

const ALLOW_WITH_HEADER = allow().setRequestHeader('x-agent', 'allow');
const SEEN = ALLOW_WITH_HEADER.withTag('seen').freeze();
const SEEN_RESPONSE = allow().setResponseHeader('x-agent', 'allow').withTag('seen').freeze();
const PASS = allow().freeze();
const MORE = allow().needsMoreBody().freeze();

/** Answers every head with the same constant: an allow with one header operation and one tag. */
export const constantAgent: Agent = defineAgent({
  name: 'bench',
  version: '1.0.0',
  // a pool asks no more at a time than an agent announces
  maxConcurrentRequests: 65_536,
  onRequestHeaders: () => SEEN,
});

let answers = 0;
/** Answers every head with a tag that no answer before it had, so that no cache of answers helps. */
export const variedAgent: Agent = defineAgent({
  name: 'bench',
  version: '1.0.0',
  onRequestHeaders: () => ALLOW_WITH_HEADER.withTag(`seen-${(answers += 1)}`),
});

/** Takes bodies chunk by chunk. */
export const bodyAgent: Agent = defineAgent({
  name: 'bench',
  version: '1.0.0',
  onRequestHeaders: () => MORE,
  onRequestBodyChunk: () => MORE,
});

/** Takes bodies chunk by chunk, and keeps none. */
export const freeingAgent: Agent = defineAgent({
  name: 'bench',
  version: '1.0.0',
  freeChunks: true,
  onRequestHeaders: () => MORE,
  onRequestBodyChunk: () => MORE,
});

/** Takes bodies of responses chunk by chunk, and keeps none. */
export const responseBodyAgent: Agent = defineAgent({
  name: 'bench',
  version: '1.0.0',
  freeChunks: true,
  onRequestHeaders: () => PASS,
  onResponseHeaders: () => MORE,
  onResponseBodyChunk: () => MORE,
});

/** Judges the head of the response as well. */
export const responseAgent: Agent = defineAgent({
  name: 'bench',
  version: '1.0.0',
  onRequestHeaders: () => SEEN,
  onResponseHeaders: () => SEEN_RESPONSE,
});

/** Judges every message of a WebSocket. */
export const frameAgent: Agent = defineAgent({
  name: 'bench',
  version: '1.0.0',
  onRequestHeaders: () => SEEN,
  onWebSocketFrame: () => PASS,
});
