import { allow, block, defineAgent, type Agent, type AgentDecision } from '@agentwire/agent';
import { delay } from '@agentwire/core/internal';

/** The agent of group G: it reads bodies below `/body`, and judges heads alone elsewhere. */
const BIG = 'b'.repeat(32 * 1024);
const isEvil = (data: Uint8Array, word: string): boolean => Buffer.from(data).includes(word);

const agent: Agent = defineAgent({
  name: 'http',
  version: '1.0.0',
  maxConcurrentRequests: 65_536,
  async onRequestHeaders(request, context): Promise<AgentDecision> {
    if (request.path.startsWith('/late')) await delay(context.clock, Number(request.query.get('ms')), context.signal);
    if (request.path.startsWith('/big')) return block(403, BIG);
    if (request.headers.get('x-evil') !== undefined) return block(403);
    return request.path.startsWith('/body') ? allow() : allow().done();
  },
  async onRequestBodyChunk(chunk, context): Promise<AgentDecision> {
    const wait = /[?&]chunkms=(\d+)/.exec(context.request?.uri ?? '')?.[1];
    if (wait !== undefined && chunk.index > 0) await delay(context.clock, Number(wait), context.signal);
    return isEvil(chunk.data, 'evil') ? block(403) : allow();
  },
  async onResponseHeaders(_response, context): Promise<AgentDecision> {
    return context.request?.path.startsWith('/body') === true ? allow() : allow().done();
  },
  async onResponseBodyChunk(chunk, context): Promise<AgentDecision> {
    const wait = /[?&]chunkms=(\d+)/.exec(context.request?.uri ?? '')?.[1];
    if (wait !== undefined && chunk.index > 0) await delay(context.clock, Number(wait), context.signal);
    return isEvil(chunk.data, 'secret') ? block(403) : allow();
  },
});

export default agent;
