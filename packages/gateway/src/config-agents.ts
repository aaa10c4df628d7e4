import { AgentwireError, parseEndpoint } from '@agentwire/core';
import { described, OPTION, type OptionTable } from '@agentwire/core/internal';
import type { FailurePolicy } from '@agentwire/pool';
import { checkFailurePolicy, failurePolicySchema } from '@agentwire/pool/internal';
import { type ConfigPath, type ConfigSource, type Fields, isObject } from './config-source.ts';

/** One agent of a gateway's file. */
export interface AgentEntry {
  readonly name: string;
  /** In the grammar of `parseEndpoint`; `reverse` waits for the agent to register. */
  readonly endpoint: string;
  /** Policy for events that it cannot decide; default `closed`. */
  readonly onFailure?: FailurePolicy;
  /** File with the secret that the agent asks its callers for; default none. */
  readonly tokenFile?: string;
}

/** Rows of an {@link AgentEntry}; its list, which tells the line of each fault, is checked below. */
export const AGENT_TABLE: OptionTable<AgentEntry> = {
  name: OPTION.text,
  endpoint: OPTION.text,
  onFailure: described(failurePolicySchema, (_name, value) => void checkFailurePolicy(value as FailurePolicy)),
  tokenFile: OPTION.text,
};

function checkEndpoint(endpoint: string, schemes: readonly string[] | undefined): void {
  const { scheme } = parseEndpoint(endpoint);
  if (schemes === undefined || schemes.includes(scheme)) return;
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `no transport serves ${scheme}: (${JSON.stringify(endpoint)}); there are transports for ${schemes.join(', ')}`,
  );
}

function checkAgent(source: ConfigSource, path: ConfigPath, agent: unknown, schemes?: readonly string[]): string {
  if (!isObject(agent)) throw source.invalid(path, 'an agent must be {name, endpoint}');
  source.checkKeys(path, agent, Object.keys(AGENT_TABLE));
  const { name, endpoint, onFailure, tokenFile } = agent;
  if (typeof name !== 'string' || name === '' || typeof endpoint !== 'string')
    throw source.invalid(path, 'an agent needs a name and an endpoint, both text');
  const check = (key: string, run: () => void): void => {
    source.attempt(() => source.check([...path, key], run));
  };
  if (endpoint !== 'reverse') check('endpoint', () => checkEndpoint(endpoint, schemes));
  if (onFailure !== undefined) check('onFailure', () => void checkFailurePolicy(onFailure as FailurePolicy));
  if (tokenFile !== undefined) check('tokenFile', () => OPTION.text('tokenFile', tokenFile));
  return name;
}

/** Checks the list of agents. @returns their names. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line and key */
export function checkAgents(source: ConfigSource, agents: unknown, schemes?: readonly string[]): string[] {
  if (agents === undefined) return [];
  if (!Array.isArray(agents)) throw source.invalid(['agents'], 'agents must be a list of {name, endpoint}');
  const names = agents.map((agent: unknown, at) =>
    source.attempt(() => checkAgent(source, ['agents', at], agent, schemes)),
  );
  const twice = names.findIndex((name, at) => name !== undefined && names.indexOf(name) !== at);
  if (twice !== -1)
    throw source.invalid(['agents', twice, 'name'], `there are two agents ${JSON.stringify(names[twice])}`);
  return names.filter((name) => name !== undefined);
}

function checkName(source: ConfigSource, path: ConfigPath, name: unknown, agents: readonly string[]): string {
  if (typeof name !== 'string') throw source.invalid(path, 'a step must be the name of an agent, or a list of names');
  if (agents.includes(name)) return name;
  const known = agents.length === 0 ? 'there are none under agents' : `agents has ${agents.join(', ')}`;
  throw source.invalid(path, `${JSON.stringify(name)} is no agent of this file; ${known}`);
}

function namesOf(source: ConfigSource, path: ConfigPath, step: unknown, agents: readonly string[]): string[] {
  if (!Array.isArray(step)) return [checkName(source, path, step, agents)];
  if (step.length === 0) throw source.invalid(path, 'a step has no agent; name one in it or take it out');
  return step.map((name: unknown, at) => checkName(source, [...path, at], name, agents));
}

/**
 * Checks that pipelines name agents of the file, each once, and that each agent is in one of them: an agent that is left out would never be asked, and requests
 * that it should stop would pass.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line and key
 */
export function checkPipelines(source: ConfigSource, { pipeline, routes }: Fields, agents: readonly string[]): void {
  const list = Array.isArray(routes) ? (routes as unknown[]).filter((route) => isObject(route)) : [];
  const own = pipeline === undefined ? agents : checkPipeline(source, ['pipeline'], pipeline, agents);
  if (Array.isArray(pipeline) && pipeline.length === 0 && agents.length > 0 && list.length === 0)
    throw source.invalid(
      ['pipeline'],
      'pipeline is empty, so that no agent would be asked; leave it out to ask all of them',
    );
  const named = list.map((route, at) =>
    route['pipeline'] === undefined
      ? own
      : checkPipeline(source, ['routes', at, 'pipeline'], route['pipeline'], agents),
  );
  const asked = new Set(list.length === 0 ? own : named.flat());
  const left = agents.find((name) => !asked.has(name));
  if (left === undefined) return;
  if (list.length === 0)
    throw source.invalid(
      ['pipeline'],
      `pipeline does not name the agent ${JSON.stringify(left)}, which would never be asked`,
    );
  throw source.invalid(
    ['agents', agents.indexOf(left)],
    `no route asks the agent ${JSON.stringify(left)}: name it in a pipeline or take it out`,
  );
}

/** Checks that settings are for agents of the file. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line and key */
export function checkSettings(source: ConfigSource, { gateway, routes }: Fields, agents: readonly string[]): void {
  const check = (path: ConfigPath, of: unknown): void => {
    const settings = isObject(of) ? of['agentSettings'] : undefined;
    if (!isObject(settings)) return;
    for (const name of Object.keys(settings)) checkName(source, [...path, 'agentSettings', name], name, agents);
  };
  check(['gateway'], gateway);
  if (Array.isArray(routes)) for (const [at, route] of routes.entries()) check(['routes', at], route);
}

/** Checks one order of agents. @returns their names */
function checkPipeline(
  source: ConfigSource,
  path: ConfigPath,
  pipeline: unknown,
  agents: readonly string[],
): readonly string[] {
  if (!Array.isArray(pipeline)) throw source.invalid(path, 'pipeline must be a list of names');
  const named = pipeline.flatMap((step: unknown, at) => namesOf(source, [...path, at], step, agents));
  const twice = named.find((name, at) => named.indexOf(name) !== at);
  if (twice !== undefined) throw source.invalid(path, `pipeline names ${JSON.stringify(twice)} twice`);
  return named;
}
