import type { Capabilities, EventType, Hello } from '@agentwire/core';
import type { Agent } from './define-agent.ts';

/** Features of every agent of this package, independent of its handlers. */
const ALWAYS: readonly string[] = [
  'cancellation',
  'health',
  'metrics',
  'flow_control',
  'lifecycle',
  'errors',
  'log',
  'config_update',
  'slot_ids',
  'cache',
];

function eventsOf(agent: Agent): EventType[] {
  const { handlers, requestBody, responseBody } = agent;
  // a proxy forgets a request that its agent wants no more of, and could not report that it was cancelled
  const end = handlers.onRequestComplete !== undefined || handlers.onCancel !== undefined;
  const wanted: readonly [EventType, boolean][] = [
    // an agent that is told of the end of a request needs its beginning
    ['requestHeaders', handlers.onRequestHeaders !== undefined || end || requestBody],
    ['requestBodyChunk', requestBody],
    ['responseHeaders', handlers.onResponseHeaders !== undefined || responseBody],
    ['responseBodyChunk', responseBody],
    ['requestComplete', end],
    ['webSocketFrame', handlers.onWebSocketFrame !== undefined],
    ['guardrailInspect', handlers.onGuardrail !== undefined],
    ['configure', handlers.onConfigure !== undefined],
  ];
  return wanted.filter(([, isWanted]) => isWanted).map(([type]) => type);
}

function featuresOf(events: readonly EventType[], streaming: boolean): string[] {
  const features = streaming ? ['streaming', ...ALWAYS] : [...ALWAYS];
  if (events.includes('requestComplete')) features.push('request_complete');
  if (events.includes('webSocketFrame')) features.push('websocket');
  if (events.includes('guardrailInspect')) features.push('guardrails');
  if (events.includes('configure')) features.push('config_push');
  return features;
}

/**
 * Builds the handshake of an agent. It announces only events that have a handler; `onCancel` asks for the end of each
 * request.
 *
 * @param agentId stable id of this instance; default the agent's name
 * @param token secret for proxies that require one
 */
export function announce(agent: Agent, agentId: string = agent.name, token?: string): Hello {
  const events = eventsOf(agent);
  const streaming = agent.requestBody || agent.responseBody;
  const capabilities: Capabilities = {
    agentId,
    events,
    streaming,
    cancellation: true,
    flowControl: true,
    healthReporting: true,
    metricsExport: true,
    configPush: events.includes('configure'),
    maxConcurrentRequests: agent.limits.maxConcurrentRequests,
    maxBodyBytes: agent.limits.maxBodyBytes,
  };
  return {
    role: 'agent',
    name: agent.name,
    version: agent.version,
    features: featuresOf(events, streaming),
    encodings: ['msgpack', 'json'],
    capabilities,
    ...(token !== undefined && { token }),
  };
}
