import type { Pid } from '../process/pid.ts';
import { PendingRequest, type RequestHooks } from './pending-request.ts';
import type { RemoteReply } from './remote-backend.ts';
import type { StreamWindow } from './stream-window.ts';

/** Pid of the asker where it is no process of this node. */
export const NOT_LOCAL: Pid = -1;

/** Request of a process on another node, which a process here may still answer. */
export class RemoteRequest extends PendingRequest {
  readonly node: string;
  /** Id that its asker gave it. */
  readonly messageId: string;
  readonly asker: Pid;
  readonly reply: RemoteReply;
  /** Parts of its answer that were handed over, and those that the asker has read. */
  written = 0;
  read = 0;
  /** True once its answer could not be handed over, because there was no connection. */
  unsent = false;

  constructor(
    id: string,
    expires: number,
    hooks: RequestHooks,
    window: StreamWindow | undefined,
    { node, messageId, asker, reply }: Pick<RemoteRequest, 'node' | 'messageId' | 'asker' | 'reply'>,
  ) {
    super(id, NOT_LOCAL, expires, hooks, window);
    this.node = node;
    this.messageId = messageId;
    this.asker = asker;
    this.reply = reply;
  }

  override onWatch(): void {
    this.reply.watch?.();
  }
}
