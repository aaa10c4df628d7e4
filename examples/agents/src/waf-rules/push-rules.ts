// The gateway's part: pushes a file of rules to an agent now, and again when the file changes.
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { AgentPool } from 'agentwire';

/** Result of one push: accepted, or why not. */
export type Pushed = { readonly version: string } | { readonly error: string };

/** Pushes `file` to `agent` until `signal` is aborted. A set that the agent refuses changes nothing. @param onPush gets the result of each push */
export async function pushRules(
  pool: AgentPool,
  agent: string,
  file: string,
  onPush: (result: Pushed) => void,
  signal: AbortSignal,
): Promise<void> {
  let pushed = '';
  const push = async (): Promise<void> => {
    const text = await readFile(file, 'utf8');
    if (text === pushed) return;
    pushed = text;
    onPush(await pushText(pool, agent, text));
  };
  // one after the other, so that the last version of the file is the last one that is pushed
  let last = push();
  // the folder, because editors and deployments put a new file in the place of the old one
  watch(dirname(file), { signal }, (_event, name) => {
    if (name === basename(file)) last = last.then(push).catch((error: unknown) => onPush({ error: String(error) }));
  });
  await last;
}

async function pushText(pool: AgentPool, agent: string, text: string): Promise<Pushed> {
  try {
    const config = JSON.parse(text) as { version?: unknown };
    const version = String(config.version);
    const { accepted, instances } = await pool.pushConfig(agent, { config, version });
    const reason = instances.find(({ outcome }) => outcome !== 'accepted')?.reason ?? 'a connection failed';
    return accepted ? { version } : { error: reason };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
