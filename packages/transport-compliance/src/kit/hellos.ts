import { FEATURES, type Capabilities, type Hello } from '@agentwire/core';

/** The capabilities that the kit's agent announces. */
export const CAPABILITIES: Capabilities = {
  events: ['requestHeaders', 'requestBodyChunk', 'responseHeaders', 'responseBodyChunk'],
  streaming: true,
  cancellation: true,
  flowControl: false,
  healthReporting: true,
  metricsExport: false,
  configPush: true,
  maxConcurrentRequests: 100,
};

/** The same side in the other role, for reverse connections. */
export function swapRole({ capabilities, ...hello }: Hello): Hello {
  if (hello.role === 'agent') return { ...hello, role: 'proxy' };
  return { ...hello, role: 'agent', capabilities: capabilities ?? CAPABILITIES };
}

/** The kit's proxy, with every feature there is. */
export const PROXY: Hello = {
  role: 'proxy',
  name: 'kit-proxy',
  version: '1.2.3',
  features: FEATURES,
  encodings: ['msgpack', 'json'],
  token: 'kit-token',
};

/** The kit's agent, with every feature there is. */
export const AGENT: Hello = {
  role: 'agent',
  name: 'kit-agent',
  version: '3.2.1',
  features: FEATURES,
  encodings: ['msgpack', 'json'],
  capabilities: CAPABILITIES,
  token: 'kit-token',
};
