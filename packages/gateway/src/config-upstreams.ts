import { OPTION, type OptionSchema, type OptionTable, tableSchema } from '@agentwire/core/internal';
import { type ConfigContext, type ConfigSource, type Fields, isObject } from './config-source.ts';
import { checkUpstream, isUpstreamName } from './options/gateway-rows.ts';
import { ROUTE_TABLE, type RouteOptions, checkRoute } from './routes/route-options.ts';
import { readFile } from './read-file.ts';
import {
  checkUpstreamConfig,
  UPSTREAM_TABLE,
  type UpstreamConfig,
  type UpstreamTls,
} from './upstream/upstream-config.ts';

/** TLS of an upstream as a file has it: names of PEM files in place of their content. */
const TLS_FILES: OptionTable<UpstreamTls> = {
  ca: OPTION.text,
  cert: OPTION.text,
  key: OPTION.text,
  serverName: OPTION.text,
  verify: OPTION.boolean,
};

/** Rows of an upstream as a file has it. */
const UPSTREAM_ROWS = { ...UPSTREAM_TABLE, tls: OPTION.nested(TLS_FILES) };
/** Keys of an upstream in a file. */
export const UPSTREAM_KEYS: readonly string[] = Object.keys(UPSTREAM_ROWS).filter((key) => key !== 'lookup');

/** Returns the schema of the upstreams of a file. */
export function upstreamsSchema(): OptionSchema {
  return {
    type: 'object',
    propertyNames: { pattern: '^[\\w-]{1,64}$' },
    additionalProperties: tableSchema(UPSTREAM_ROWS, ['targets']),
  };
}

/** Returns the schema of the routes of a file. */
export function routesSchema(): OptionSchema {
  return { type: 'array', items: tableSchema(ROUTE_TABLE) };
}

/** Replaces the names of PEM files with their content. */
function withPems(source: ConfigSource, name: string, tls: unknown, { read }: ConfigContext): unknown {
  const path = ['upstreams', name, 'tls'];
  source.check(path, () => OPTION.nested(TLS_FILES)('tls', tls));
  const loaded: Record<string, unknown> = { ...(tls as Fields) };
  for (const key of ['ca', 'cert', 'key']) {
    const file = loaded[key];
    if (typeof file !== 'string') continue;
    try {
      loaded[key] = read?.(file) ?? readFile(file, false).toString('utf8');
    } catch (cause) {
      throw source.invalid([...path, key], `${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`);
    }
  }
  return loaded;
}

/**
 * Checks the upstreams of a file, each option on its own, so that an error names its line.
 *
 * @returns them with the content of their PEM files
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line and key
 */
export function checkUpstreams(
  source: ConfigSource,
  upstreams: unknown,
  context: ConfigContext,
): Readonly<Record<string, UpstreamConfig>> {
  if (!isObject(upstreams)) throw source.invalid(['upstreams'], 'upstreams must be an object of upstreams by name');
  const checked = Object.entries(upstreams).flatMap(([name, config]) => {
    const one = source.attempt(() => checkOne(source, name, config, context));
    return one === undefined ? [] : [[name, one] as const];
  });
  return Object.fromEntries(checked);
}

/** Checks one upstream. @returns it with the content of its PEM files */
function checkOne(source: ConfigSource, name: string, config: unknown, context: ConfigContext): UpstreamConfig {
  const path = ['upstreams', name];
  if (!isUpstreamName(name)) throw source.invalid(path, 'the name of an upstream is 1 to 64 letters, digits, _ and -');
  if (!isObject(config)) throw source.invalid(path, 'an upstream must be an object with targets');
  const before = source.problems;
  source.checkKeys(path, config, UPSTREAM_KEYS);
  const { tls } = config;
  const loaded = { ...config, ...(tls !== undefined && { tls: withPems(source, name, tls, context) }) };
  checkEach(source, path, loaded, UPSTREAM_TABLE);
  // it would tell of the same mistakes again
  if (source.problems === before) source.check(path, () => checkUpstreamConfig(name, loaded));
  return loaded as unknown as UpstreamConfig;
}

/** Checks each option of an object by its row. */
function checkEach(source: ConfigSource, path: readonly (string | number)[], options: Fields, rows: object): void {
  const table = rows as Readonly<Record<string, (name: string, value: unknown) => void>>;
  for (const [key, option] of Object.entries(options))
    source.attempt(() => {
      if (option === null) throw source.invalid([...path, key], `${key} has no value; leave it out for its default`);
      if (Object.hasOwn(table, key)) source.check([...path, key], () => table[key]?.(key, option));
    });
}

/** Checks the routes of a file. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line and key */
export function checkRoutes(source: ConfigSource, value: Fields): void {
  const { routes, upstreams, upstream } = value;
  if (!Array.isArray(routes)) throw source.invalid(['routes'], 'routes must be a list of routes');
  for (const [at, route] of (routes as unknown[]).entries())
    source.attempt(() => {
      const path = ['routes', at];
      if (!isObject(route)) throw source.invalid(path, 'a route must be an object');
      const before = source.problems;
      source.checkKeys(path, route, Object.keys(ROUTE_TABLE));
      // the names in it are checked against the agents of the file
      const { pipeline, ...options } = route;
      if (pipeline === null)
        throw source.invalid([...path, 'pipeline'], 'pipeline has no value; leave it out for its default');
      checkEach(source, path, options, ROUTE_TABLE);
      if (source.problems === before) source.check(path, () => checkRoute(`route ${at + 1}`, route as RouteOptions));
      if (route['upstream'] !== undefined)
        checkUpstreamName(source, [...path, 'upstream'], route['upstream'], upstreams);
      else if (upstream === undefined)
        throw source.invalid(path, 'this route needs an upstream, because the file has none for all routes');
    });
}

/** Checks that a name of an upstream is one of the file. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line and key */
export function checkUpstreamName(
  source: ConfigSource,
  path: readonly (string | number)[],
  name: unknown,
  upstreams: unknown,
): void {
  if (!isUpstreamName(name)) {
    source.check(path, () => checkUpstream(name));
    return;
  }
  const known = isObject(upstreams) ? Object.keys(upstreams) : [];
  if (known.includes(name)) return;
  const has = known.length === 0 ? 'there are none under upstreams' : `upstreams has ${known.join(', ')}`;
  throw source.invalid(
    path,
    `${JSON.stringify(name)} is no upstream of this file; ${has}; or write an address, http://HOST:PORT`,
  );
}
