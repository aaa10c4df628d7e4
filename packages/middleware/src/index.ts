export { agentFetch, type AgentFetchOptions } from './agent-fetch.ts';
export { agentMiddleware, type AgentMiddleware } from './agent-middleware.ts';
export { fastifyAgents } from './fastify-agents.ts';
export { honoAgents } from './hono-agents.ts';
export { koaAgents } from './koa-agents.ts';
export type { MiddlewareOptions } from './middleware-options.ts';
