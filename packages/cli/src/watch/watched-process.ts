import { registerHooks } from 'node:module';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveAgent, type Agent } from '@agentwire/agent';
import { createMemoryTransport } from '@agentwire/transport-memory';

/** Environment variable that makes a process one of `--watch`: it serves, or only checks that its files can be loaded. */
export const WATCHED_AS = 'AGENTWIRE_WATCHED_AS';
/** Value of {@link WATCHED_AS}. */
export type WatchedAs = 'serve' | 'check';

/** Role of this process for `--watch`; `undefined` without it. */
export function watchedAs(): WatchedAs | undefined {
  const value = process.env[WATCHED_AS];
  return process.send !== undefined && (value === 'serve' || value === 'check') ? value : undefined;
}

/** Tells the process that watches of each file that is loaded from now on, but those of packages. */
export function reportLoadedFiles(): void {
  const packages = `${sep}node_modules${sep}`;
  registerHooks({
    load(url, context, nextLoad) {
      // before it is read, so that a file with a mistake is watched too
      if (url.startsWith('file:')) {
        const file = fileURLToPath(url);
        if (!file.includes(packages)) process.send?.(file);
      }
      return nextLoad(url, context);
    },
  });
}

/** Ends this process when the one that watches has gone. @returns function that ends the watch, so that the process can end */
export function endWithWatcher(): () => void {
  const onDisconnect = (): void => void process.kill(process.pid, 'SIGTERM');
  process.once('disconnect', onDisconnect);
  return () => {
    process.off('disconnect', onDisconnect);
    if (process.connected) process.disconnect();
  };
}

/** Serves an agent in memory for a moment. @throws AgentwireError where it is none */
export async function checkAgent(agent: Agent): Promise<void> {
  const server = await serveAgent(agent, { transports: [createMemoryTransport()], listen: ['memory:check'] });
  await server.close();
  process.disconnect?.();
}
