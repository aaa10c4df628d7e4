import { judgeNode } from './judge-node.ts';
import { type MiddlewareOptions, resolveMiddlewareOptions } from './middleware-options.ts';
import type { NodeRequest, NodeResponse } from './node-messages.ts';

interface FastifyRequestLike {
  readonly raw: unknown;
  readonly originalUrl: string;
}

interface FastifyReplyLike {
  readonly raw: unknown;
  hijack(): unknown;
}

/** The part of a Fastify instance that the plugin uses. */
export interface FastifyLike {
  // any: Fastify's own type has an overload per hook
  // oxlint-disable-next-line typescript/no-explicit-any
  addHook(name: 'onRequest', hook: (request: any, reply: any) => Promise<unknown>): unknown;
}

/**
 * Plugin for Fastify 5: `await app.register(fastifyAgents, { pool, agents })`. It asks agents before Fastify reads the body, for
 * all routes of the instance that it is registered in.
 */
export async function fastifyAgents(app: FastifyLike, options: MiddlewareOptions): Promise<void> {
  const resolved = resolveMiddlewareOptions('fastifyAgents', options);
  app.addHook('onRequest', async (request: FastifyRequestLike, reply: FastifyReplyLike) => {
    const passed = await judgeNode(
      resolved,
      request.raw as NodeRequest,
      reply.raw as NodeResponse,
      request.originalUrl,
    );
    if (passed) return undefined;
    reply.hijack();
    return reply;
  });
}

// Fastify reads this: hooks of the plugin are those of the instance around it
Object.defineProperty(fastifyAgents, Symbol.for('skip-override'), { value: true });
