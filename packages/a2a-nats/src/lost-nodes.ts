import type { Asked } from './asked.ts';
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

/**
 * Asks a node that lost its connection about the requests that it may have had: those that it does not know, and answers to others, were lost.
 *
 * It costs nothing until then, where a confirmation of each answer would cost as much as the answer.
 */
export function checkRequests(link: NodeLink, node: string): void {
  for (const asked of link.asked.list()) {
    if (!mayBeLost(asked, node)) continue;
    const direct = asked.node === node || asked.holders.has(node);
    const text = JSON.stringify({ id: asked.id, direct });
    link.say(link.subjects.control(node, 'check'), text, link.subjects.replyHere(asked.token));
  }
}

/** Streams have ended by then, durable requests wait in their inbox, and the answers of a topic have no number. */
function mayBeLost({ node: only, topic, durable, confirm, answered }: Asked, node: string): boolean {
  if (topic || durable || confirm !== undefined || answered.has(node)) return false;
  return only === undefined || only === node;
}
