import { ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from '@a2a-js/sdk/client';
import { type A2ARouter, scope } from '@agentwire/a2a-router';
import { AgentwireError } from '@agentwire/core';
import { boundedFetch } from './bounded-fetch.ts';
import { RemoteAgent } from './remote-agent.ts';
import { failure } from './remote-failure.ts';
import { type RemoteAgentOptions, resolveRemoteOptions } from './remote-options.ts';

/**
 * Makes a remote A2A agent a service of a router: its client is the SDK's, over JSON-RPC.
 *
 * Streams and cancellation go both ways. @throws `ERR_CONNECT` when the agent card cannot be read, `ERR_TIMEOUT`, `ERR_INVALID_ARGUMENT`
 */
export async function provideRemoteAgent(router: A2ARouter, given: RemoteAgentOptions): Promise<RemoteAgent> {
  const options = resolveRemoteOptions(given);
  const { url, origins, headers, clock, controlTimeoutMs, maxResponseBytes } = options;
  const fetchImpl = boundedFetch({
    origins: new Set([url, ...origins].map((one) => new URL(one).origin)),
    headers,
    maxBytes: maxResponseBytes,
  });
  const late = Promise.withResolvers<never>();
  const timer = clock.setTimeout(
    () => late.reject(new AgentwireError('ERR_TIMEOUT', `no agent card came within ${controlTimeoutMs} ms`)),
    controlTimeoutMs,
  );
  const factory = new ClientFactory({
    transports: [new JsonRpcTransportFactory({ fetchImpl })],
    cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
  });
  try {
    const client = await Promise.race([factory.createFromUrl(url), late.promise]);
    const card = await client.getAgentCard();
    const pid =
      options.pid ??
      router.processTable.insert({ agentId: `a2a:${options.service}`, capabilities: { ipcScope: scope.none } });
    const exit = (): void => {
      if (options.pid === undefined) router.processTable.remove(pid);
    };
    try {
      return new RemoteAgent({ client, card, endpoint: router.register(pid), options, exit });
    } catch (error) {
      exit();
      throw error;
    }
  } catch (error) {
    throw failure(error);
  } finally {
    clock.clearTimeout(timer);
  }
}
