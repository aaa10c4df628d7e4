import type { NodeLink } from './node-link.ts';

/** Ends what a node that is gone asked here, and what only it could have answered. */
export function nodeGone(link: NodeLink, node: string, why: string): void {
  link.options.logger.info({ node, why }, 'another node is gone');
  if (link.hasHost) link.host.nodeGone(node);
  for (const asked of link.asked.list()) {
    const isHolder = asked.node === node || (asked.node === undefined && !asked.topic && asked.holders.has(node));
    if (!isHolder || asked.durable) continue;
    asked.answered.add(node);
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
