import type { AdminServer } from '@agentwire/gateway';
import { bindSocketFile } from '@agentwire/transport-uds/internal';
import type { Cleanup } from './cleanup.ts';
import type { AdminPlace } from './commands/gateway-flags.ts';

/** Serves an admin server; its Unix socket is this user's alone. @returns its address */
export async function listenAdmin(admin: AdminServer, at: AdminPlace, cleanup: Cleanup): Promise<string> {
  if (!('path' in at)) return admin.listen(at);
  const file = await bindSocketFile(at.path, {}, async (path) => void (await admin.listen({ path })));
  cleanup.defer(() => file.remove());
  return `unix:${at.path}`;
}
