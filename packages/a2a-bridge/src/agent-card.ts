import { A2A_PROTOCOL_VERSION, AgentCard, type AgentSkill } from '@a2a-js/sdk';
import type { ServiceRegistry } from '@agentwire/a2a-router';
import type { ResolvedBridgeOptions } from './bridge-options.ts';

/** Agent card of a service: its methods are the skills, unless the options name others. */
export function agentCard(
  options: ResolvedBridgeOptions,
  registry: Pick<ServiceRegistry, 'get'> | undefined,
  url: string,
): AgentCard {
  const { service, authenticate, anonymous } = options;
  const bearer = { bearer: { httpAuthSecurityScheme: { scheme: 'Bearer' } } };
  const schemes = options.securitySchemes ?? (authenticate === undefined ? {} : bearer);
  // any one of the schemes is enough; with an anonymous process none is needed.
  const required = anonymous === undefined ? Object.keys(schemes) : [];
  return AgentCard.fromJSON({
    name: options.name ?? service,
    description: options.description ?? `The service ${service}.`,
    version: options.version,
    supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: A2A_PROTOCOL_VERSION }],
    capabilities: {
      streaming: options.streaming,
      pushNotifications: options.push !== undefined,
    },
    securitySchemes: schemes,
    securityRequirements: required.map((name) => ({ schemes: { [name]: { list: [] } } })),
    defaultInputModes: ['text/plain', 'application/json', 'application/octet-stream'],
    defaultOutputModes: ['text/plain', 'application/json', 'application/octet-stream'],
    skills: skills(options, registry),
  });
}

function skills(
  { service, description, skills: texts = {} }: ResolvedBridgeOptions,
  registry: Pick<ServiceRegistry, 'get'> | undefined,
): AgentSkill[] {
  const methods = registry?.get(service)?.methods ?? Object.keys(texts);
  const ids = methods.length === 0 ? [service] : methods;
  return ids.map((id) => {
    const { name = id, tags = [service], examples = [], description: text } = texts[id] ?? {};
    const fallback = id === service ? (description ?? `The service ${service}.`) : `The method ${id} of ${service}.`;
    return {
      id,
      name,
      description: text ?? fallback,
      tags: [...tags],
      examples: [...examples],
      inputModes: [],
      outputModes: [],
      securityRequirements: [],
    };
  });
}
