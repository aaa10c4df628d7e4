import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Exit of a script, and the JSON of its last line. */
export interface Outcome<T> {
  readonly signal: string | null;
  readonly status: number | null;
  readonly stderr: string;
  readonly result: T | undefined;
}

/** Runs `script` in a process of its own, behind the command `wrap` (which gets it as arguments). */
export function runScript<T>(script: URL, args: readonly string[], wrap: readonly string[] = []): Outcome<T> {
  const node = [process.execPath, '--expose-gc', '--conditions=@agentwire/source', fileURLToPath(script), ...args];
  const { signal, status, stdout, stderr } = spawnSync('env', [...wrap, ...node], { encoding: 'utf8' });
  const last = stdout.trim().split('\n').at(-1) ?? '';
  return { signal, status, stderr, result: last.startsWith('{') ? (JSON.parse(last) as T) : undefined };
}

/**
 * Command line that runs a command with a tmpfs of `size` on `folder`, in a mount namespace that ends with the command.
 *
 * `undefined`, with a warning, where neither root nor a user namespace may mount.
 */
export function onTmpfs(folder: string, size: string): string[] | undefined {
  const shell = ['sh', '-c', 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"', 'sh', size, folder];
  for (const namespace of [
    ['unshare', '--mount'],
    ['unshare', '--user', '--map-root-user', '--mount'],
  ]) {
    const words = [...namespace, ...shell];
    if (spawnSync('env', [...words, 'true']).status === 0) return words;
  }
  console.error(
    `\n*** NOT TESTED: no tmpfs can be mounted here (needs root or user namespaces), so nothing was tested on a file ` +
      `system of ${size}. The test with RLIMIT_FSIZE still covers a refused write. ***\n`,
  );
  return undefined;
}
