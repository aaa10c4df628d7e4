import { createHash } from 'node:crypto';
import { allow, block, challenge, defineAgent, redirect, type Agent, type AgentDecision } from '@agentwire/agent';

/** Options of {@link createApiKeyAgent}. */
export interface ApiKeyOptions {
  /** Names of clients by their keys. */
  readonly clients: Readonly<Record<string, string>>;
  /** Header that holds the key; default `x-api-key`. It does not reach the upstream. */
  readonly keyHeader?: string;
  /** Header that tells the upstream the client's name; default `x-client-name`. What clients send there is replaced. */
  readonly nameHeader?: string;
  /** Where browsers without a key are sent; default `/login`. */
  readonly loginUrl?: string;
}

/** Keys are found by their digests, so that the time it takes says nothing about how much of a key was right. */
const digest = (key: string): string => createHash('sha256').update(key).digest('base64');

/** Makes an agent that lets clients with a known key in and tells the upstream who they are. */
export function createApiKeyAgent(options: ApiKeyOptions): Agent {
  const { clients, keyHeader = 'x-api-key', nameHeader = 'x-client-name', loginUrl = '/login' } = options;
  const missing = challenge('ApiKey', { header: keyHeader }).withReason('key_missing').freeze();
  const wrong = block(403, 'API key not known').withReason('key_unknown').withTag('auth').freeze();
  const stranger = allow().removeRequestHeader(nameHeader).freeze();
  const login = redirect(loginUrl).withReason('key_missing').freeze();
  const welcome = new Map<string, AgentDecision>(
    Object.entries(clients).map(([key, name]) => [
      digest(key),
      allow().setRequestHeader(nameHeader, name).removeRequestHeader(keyHeader).withTag('authenticated').freeze(),
    ]),
  );

  return defineAgent({
    name: 'api-key',
    version: '1.0.0',
    onRequestHeaders(request) {
      const key = request.headers.get(keyHeader);
      if (key !== undefined) return welcome.get(digest(key)) ?? wrong;
      if (request.path === loginUrl) return stranger;
      return request.headers.get('accept')?.includes('text/html') === true ? login : missing;
    },
  });
}

/** The agent with one client, `demo`, whose key is `demo-key`. */
const apiKey: Agent = createApiKeyAgent({ clients: { 'demo-key': 'demo' } });

export default apiKey;
