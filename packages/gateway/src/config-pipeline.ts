import type { ConfigPath, ConfigSource } from './config-source.ts';

function checkName(source: ConfigSource, path: ConfigPath, name: unknown, agents: readonly string[]): string {
  if (typeof name !== 'string') throw source.invalid(path, 'a step must be the name of an agent, or a list of names');
  if (agents.includes(name)) return name;
  const known = agents.length === 0 ? 'there are none under agents' : `agents has ${agents.join(', ')}`;
  throw source.invalid(path, `${JSON.stringify(name)} is no agent of this file; ${known}`);
}

function namesOf(source: ConfigSource, path: ConfigPath, step: unknown, agents: readonly string[]): string[] {
  if (!Array.isArray(step)) return [checkName(source, path, step, agents)];
  if (step.length === 0) throw source.invalid(path, 'a step asks nobody; name an agent in it or take it out');
  return step.map((name: unknown, at) => checkName(source, [...path, at], name, agents));
}

/**
 * Checks that a pipeline names each agent once and nothing else: one that is left out would be asked about nothing, and
 * what it is there to stop would pass.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line and key
 */
export function checkPipeline(source: ConfigSource, pipeline: unknown, agents: readonly string[]): void {
  const path = ['pipeline'];
  if (!Array.isArray(pipeline)) throw source.invalid(path, 'pipeline must be a list of names');
  if (pipeline.length === 0 && agents.length > 0)
    throw source.invalid(path, 'pipeline is empty, so that no agent would be asked; leave it out to ask all of them');
  const named = pipeline.flatMap((step: unknown, at) => namesOf(source, [...path, at], step, agents));
  const twice = named.find((name, at) => named.indexOf(name) !== at);
  if (twice !== undefined) throw source.invalid(path, `pipeline names ${JSON.stringify(twice)} twice`);
  const left = agents.find((name) => !named.includes(name));
  if (left !== undefined)
    throw source.invalid(path, `pipeline does not name the agent ${JSON.stringify(left)}, which would never be asked`);
}
