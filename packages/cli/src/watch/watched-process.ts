import { registerHooks } from 'node:module';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveAgent, type Agent } from '@agentwire/agent';
import { createMemoryTransport } from '@agentwire/transport-memory';

/** Environment variable that makes a process one of `--watch`. */
export const WATCHED = 'AGENTWIRE_WATCHED';

/** Message of a process of `--watch` to the one that watches: a file that it loads, or that all are loaded and it can serve. */
export type FromWatched = { readonly type: 'file'; readonly file: string } | { readonly type: 'loaded' };

/** Message to a process of `--watch`. */
export type ToWatched = 'serve' | 'drain';

const tell = (message: FromWatched): void => void process.send?.(message);

/** Returns whether this is a process of `--watch`. */
export function isWatched(): boolean {
  return process.send !== undefined && process.env[WATCHED] !== undefined;
}

/** Tells the process that watches of each file that is loaded from now on, but those of packages. */
export function reportLoadedFiles(): void {
  const packages = `${sep}node_modules${sep}`;
  registerHooks({
    load(url, context, nextLoad) {
      // before it is read, so that a file with a mistake is watched too
      if (url.startsWith('file:')) {
        const file = fileURLToPath(url);
        if (!file.includes(packages)) tell({ type: 'file', file });
      }
      return nextLoad(url, context);
    },
  });
}

/** End of a process of `--watch`. */
export interface WatchedEnd {
  /** Resolves when the process that watches asks for a drain. */
  readonly asked: Promise<void>;
  /** Ends the watch, so that the process can end. */
  end(): void;
}

/**
 * Checks an agent by serving it in memory for a moment, tells the process that watches, and waits until that lets it serve: the one of
 * before has its addresses until then.
 *
 * @throws AgentwireError where it is none
 */
export async function waitToServe(agent: Agent): Promise<WatchedEnd> {
  const server = await serveAgent(agent, { transports: [createMemoryTransport()], listen: ['memory:check'] });
  await server.close();
  const onDisconnect = (): void => void process.kill(process.pid, 'SIGTERM');
  const [serve, drain] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  process.on('message', (message: ToWatched) => (message === 'serve' ? serve : drain).resolve());
  process.once('disconnect', onDisconnect);
  tell({ type: 'loaded' });
  await serve.promise;
  // what is served keeps the process alive
  process.channel?.unref();
  return {
    asked: drain.promise,
    end() {
      process.off('disconnect', onDisconnect);
      if (process.connected) process.disconnect();
    },
  };
}
