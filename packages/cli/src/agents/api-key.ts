import { createHash } from 'node:crypto';
import { allow, block, challenge, defineAgent, redirect, type Agent, type AgentDecision } from '@agentwire/agent';

/** Options of {@link createApiKeyAgent}. */
export interface ApiKeyOptions {
  /** Names of clients by their keys. */
  readonly clients: Readonly<Record<string, string>>;
  /** Header with the key; default `x-api-key`. It does not reach the upstream. */
  readonly keyHeader?: string;
  /** Header for the client's name to the upstream; default `x-client-name`. Values from clients are replaced. */
  readonly nameHeader?: string;
  /** Redirect target of browsers without a key; default `/login`. */
  readonly loginUrl?: string;
}

/** Looks keys up by their digests, so that the time taken reveals nothing about a partly correct key. */
const digest = (key: string): string => createHash('sha256').update(key).digest('base64');

/** Makes an agent that allows clients with a known key and adds their name for the upstream. */
export function createApiKeyAgent(options: ApiKeyOptions): Agent {
  const { clients, keyHeader = 'x-api-key', nameHeader = 'x-client-name', loginUrl = '/login' } = options;
  const missing = challenge('ApiKey', { header: keyHeader }).withReason('key_missing').freeze();
  const wrong = block(403, 'API key not known').withReason('key_unknown').withTag('auth').freeze();
  const anonymous = allow().removeRequestHeader(nameHeader).freeze();
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
      if (request.path === loginUrl) return anonymous;
      return request.headers.get('accept')?.includes('text/html') === true ? login : missing;
    },
  });
}

/** Agent with one client, `demo`, whose key is `demo-key`. */
const apiKey: Agent = createApiKeyAgent({ clients: { 'demo-key': 'demo' } });

export default apiKey;
