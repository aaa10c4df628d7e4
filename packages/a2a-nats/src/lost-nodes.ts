import type { NodeLink } from './node-link.ts';

/** Reason for which a node is gone that may be there all the same: it was stopped, or its connection hung. */
export const SILENT = 'it is silent';

/** Ends what a node that is gone asked here, and what only it could have answered; one that is only silent is told of both, for it may wait. */
export function nodeGone(link: NodeLink, node: string, why: string): void {
  const isSilent = why === SILENT;
  link.options.logger.info({ node, why }, 'another node is gone');
  if (link.hasHost) link.host.nodeGone(node, isSilent);
  for (const asked of link.asked.list()) {
    const isHolder = asked.node === node || (asked.node === undefined && !asked.topic && asked.holders.has(node));
    if (!isHolder || asked.durable) continue;
    if (!isSilent) asked.answered.add(node);
    link.end(asked, 'ERR_CLOSED', `node ${JSON.stringify(node)} is gone: ${why}`);
  }
}

/** Ends what a node asked before it lost its connection, because it does not wait any more, and the streams that it writes: parts may be lost. */
export function sessionLost(link: NodeLink, node: string): void {
  if (link.hasHost) {
    link.host.cancelNode(node);
    link.host.watchAgain(node);
  }
  for (const asked of link.asked.list())
    if (asked.parts !== undefined && asked.holders.has(node))
      link.end(asked, 'ERR_CLOSED', `node ${JSON.stringify(node)} lost its connection while it wrote the answer`);
}
