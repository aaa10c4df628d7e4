import { errors } from '@nats-io/transport-node';
import type { NodeLink } from './node-link.ts';

/** Follows the connection of a node as it goes and comes, until it is closed. */
export async function followConnection(link: NodeLink): Promise<void> {
  const { nodeId: node, logger } = link.options;
  for await (const status of link.connection.status()) {
    if (status.type === 'disconnect') {
      // a server that refuses to be connected to again is no further loss
      if (!link.connected) continue;
      link.connected = false;
      link.stats.disconnects += 1;
      logger.warn({ node }, 'the connection to the NATS server was lost');
      link.endAll('the connection to the NATS server was lost');
    } else if (status.type === 'reconnect') {
      link.connected = true;
      link.rights.forget();
      link.nameConflicts.greet();
      link.onReconnect();
      // an asker may have given its request up meanwhile, and could not say so.
      if (link.hasHost) link.host.recheck();
      logger.info({ node, server: status.server }, 'connected to a NATS server again');
    } else if (status.type === 'error') {
      link.stats.violations += 1;
      logger.error({ node, error: status.error.message }, 'the NATS server refused something');
      if (status.error instanceof errors.PermissionViolationError) refused(link, status.error);
    } else if (status.type === 'close') link.connected = false;
  }
}

function refused(link: NodeLink, { operation, subject }: InstanceType<typeof errors.PermissionViolationError>): void {
  if (operation !== 'publish') return;
  link.rights.refuse(subject);
  for (const asked of link.asked.list(subject))
    link.end(asked, 'ERR_UNAUTHORIZED', `the server does not let this node publish on ${subject}; see nodePermissions`);
}
