import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseEndpoint } from '@agentwire/core';
import type { GatewaySettings } from './commands/gateway-settings.ts';
import { moduleFile } from './load-transports.ts';

type Path = readonly (string | number)[];

/** Returns the path of an endpoint's socket file; `undefined` for addresses of a network. */
function socketOf(endpoint: string): string | undefined {
  if (endpoint === 'reverse') return undefined;
  const { scheme, target } = parseEndpoint(endpoint);
  return scheme === 'unix' || scheme === 'grpc+unix' ? target : undefined;
}

/** Returns the path of an address as `unix:/PATH`. */
const unixPath = (address: string): string | undefined => (address.startsWith('unix:') ? address.slice(5) : undefined);

/** Returns why files cannot be made or found in the folder of `path`; `undefined` where they can. */
function folderProblem(path: string, mode: number): string | undefined {
  const folder = dirname(resolve(path));
  try {
    if (!statSync(folder).isDirectory()) return `the folder of ${path} is none`;
    accessSync(folder, mode);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? `the folder of ${path} does not exist`
      : `the folder of ${path} cannot be used (${code})`;
  }
}

/** Returns why a file cannot be appended to; `undefined` where it can. */
function appendProblem(path: string): string | undefined {
  try {
    if (statSync(path).isDirectory()) return `${path} is a folder`;
    accessSync(path, constants.W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT'
      ? folderProblem(path, constants.W_OK | constants.X_OK)
      : `${path} cannot be written (${code})`;
  }
}

/** Looks for the places that settings of a gateway name and that it would use later. @returns what is wrong, a message each */
export function checkGatewayPaths(settings: GatewaySettings): readonly string[] {
  const { admin, reverseListen, agents, upstream, upstreams = {}, accessLog, record, transports, nameOf } = settings;
  const listened: (readonly [Path, string | undefined])[] = [
    [['admin'], admin === undefined ? undefined : unixPath(admin)],
    [['reverseListen'], reverseListen === undefined ? undefined : socketOf(reverseListen)],
  ];
  const dialled: (readonly [Path, string | undefined])[] = [
    [['upstream'], upstream === undefined ? undefined : unixPath(upstream)],
    ...Object.entries(upstreams).flatMap(([name, { targets }]) =>
      targets.map((target, at): readonly [Path, string | undefined] => [
        ['upstreams', name, 'targets', at],
        unixPath(typeof target === 'string' ? target : target.url),
      ]),
    ),
    ...agents.map(({ endpoint }, at): readonly [Path, string | undefined] => [
      ['agents', at, 'endpoint'],
      socketOf(endpoint),
    ]),
  ];
  const appended: (readonly [Path, string | undefined])[] = [
    [['accessLog', 'file'], accessLog?.file === '-' ? undefined : accessLog?.file],
    [['record', 'file'], record?.file],
  ];
  const find = (
    paths: readonly (readonly [Path, string | undefined])[],
    problemOf: (path: string) => string | undefined,
  ): string[] =>
    paths.flatMap(([key, path]) => {
      const problem = path === undefined || path.startsWith('\0') ? undefined : problemOf(path);
      return problem === undefined ? [] : [`${nameOf(key)}: ${problem}`];
    });
  return [
    ...find(listened, (path) => folderProblem(path, constants.W_OK | constants.X_OK)),
    ...find(dialled, (path) => folderProblem(path, constants.X_OK)),
    ...find(appended, appendProblem),
    ...(transports ?? []).flatMap((word, at) =>
      moduleFile(word) === undefined ? [`${settings.nameOfTransport(at)} names ${word}, which is not there`] : [],
    ),
  ];
}
