import { AgentwireError } from '@agentwire/core';
import type { Agent } from '../define/define-agent.ts';
import type { AgentServer } from './agent-server.ts';
import { resolveServeOptions, type ServeAgentOptions } from './options.ts';

let serving: typeof import('./serving-agent.ts') | undefined;

/**
 * Serves an agent on any number of addresses at once, listening and dialling.
 *
 * Resolves once every address of `listen` is bound; those of `reverse` are dialled from then on until the server ends.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_ADDRESS` for a scheme without a transport, and the errors of
 * binding, after which every listener is closed
 */
export async function serveAgent<State>(agent: Agent<State>, options: ServeAgentOptions): Promise<AgentServer> {
  checkAgent(agent);
  const resolved = resolveServeOptions(options);
  // loaded here, with the runtime below it (40 files): a program that imports this package for its pool or gateway, through
  // `agentwire`, serves no agent
  serving ??= await import('./serving-agent.ts');
  const server = new serving.ServingAgent(agent, resolved);
  await server.start();
  return server;
}

/** Refuses a value that `defineAgent` did not create, by its shape: another copy of this package may have created it. */
function checkAgent(agent: Partial<Agent> | null | undefined): void {
  if (typeof agent?.handlers === 'object' && typeof agent.limits === 'object') return;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', 'this is not an agent: wrap it in defineAgent({ … })');
}
