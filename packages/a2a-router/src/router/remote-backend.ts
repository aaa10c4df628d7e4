import type { ErrorCode } from '@agentwire/core';
import type { ReceivedMessage } from '../message/received-message.ts';
import type { KernelMessage } from '../message/message.ts';
import type { JsonValue } from '../message/payload.ts';
import type { Pid } from '../process/pid.ts';
import type { ProcessWatch, RemoteExit } from '../process/remote-watches.ts';
import type { Target } from '../message/target.ts';
import type { ServiceEntry } from '../routing/service.ts';
import type { SendReport } from './send-report.ts';

/** The way back to the asker on another node. */
export interface RemoteReply {
  /** Parts that the asker has room for when it asked for a stream; undefined for one answer. */
  readonly window?: number | undefined;
  /** Hands the answer over; throws `ERR_CLOSED` or `ERR_MESSAGE_TOO_LARGE`, and the request waits on then, until `recheck` in the first case. */
  answer(message: KernelMessage): void;
  /** Tells that there will be no answer. */
  fail(code: ErrorCode, text: string): void;
  /** Tells the asker who works on its request, so that it can cancel it; called when a handler wants to know of its end, and by `recheck`. */
  watch?(): void;
}

/** Way of a message to a handler that is no inbox. */
interface Admission {
  /** Process that takes it, and that answers it; 0 for the kernel. */
  readonly pid: Pid;
  /** The way back, when an answer is expected. */
  readonly reply: RemoteReply | undefined;
  /** True for a dead letter that is sent again. */
  readonly redriven: boolean;
}

/** Router as its backend sees it. */
export interface RemoteHost {
  /**
   * Takes a message from another node through `acceptRemote`, gate, scope and delivery; `fromNode` was set by the backend.
   *
   * Rejects like `send` does. With `reply` an asker waits there: an answer of a process that received the message goes
   * that way, and so does the news that none of them can answer any more.
   */
  receive(message: KernelMessage, reply?: RemoteReply): Promise<SendReport>;
  /**
   * Takes a message from another node through `acceptRemote`, gate and scope, and hands it to `take` instead of an inbox.
   *
   * Rejects with `ERR_CAPABILITY_DENIED` when it may not pass, and with what `take` rejects with.
   */
  admit(message: KernelMessage, how: Admission, take: (message: ReceivedMessage) => Promise<void>): Promise<void>;
  /**
   * Hands over an answer that came on the way which the backend opened for that request; false if none waits.
   *
   * Rejects when `acceptRemote` or the gate refuses it, or when it cannot be recorded.
   */
  answer(message: KernelMessage): Promise<boolean>;
  /** Resolves once no process here has a request of another node in hand. */
  answered(): Promise<void>;
  /** Ends every request of other nodes that processes here have in hand: they are told `ERR_CLOSED`. */
  abandon(): void;
  /** Ends a request whose asker on another node gave it up, so that `message.signal` aborts; false if it is not pending here. */
  cancel(nodeId: string, messageId: string): boolean;
  /** Tells whether processes here have a request of a node in hand. */
  holds(nodeId: string, messageId: string): boolean;
  /** Ends every request of a node that lost its connection, as `cancel` does. */
  cancelNode(nodeId: string): void;
  /** Tells a node again of the watches of its processes, because it may not know them. */
  watchAgain(nodeId: string): void;
  /** Ends every request of a node that is gone, and tells the processes that watch one of its; with `tell` its askers, and its processes that watch one of here, too, for they may be there. */
  nodeGone(nodeId: string, tell?: boolean): void;
  /** Takes the begin or end of a watch of a process here by one of another node, which must be allowed to reach it. */
  watch(nodeId: string, watch: ProcessWatch, on: boolean): void;
  /** Takes the end of a process of another node that a process here watches. */
  exited(nodeId: string, pid: Pid, exit: RemoteExit): void;
  /** Notes how many parts of a stream its asker has read so far; false if it is not written here. Counts that go back or are past what was written change nothing. */
  credit(nodeId: string, messageId: string, read: number): boolean;
  /**
   * Calls `watch` of every request that a handler watches, and watches every process again, because news may have been lost; ends the requests
   * whose answer could not be handed over meanwhile.
   */
  recheck(): void;
  /** The services of processes here. */
  services(): readonly ServiceEntry[];
  /** One of them by its name. */
  service(name: string): ServiceEntry | undefined;
  /** Ends a request that no other node can answer. */
  fail(messageId: string, code: ErrorCode, message: string): void;
}

/** Options of a message that leaves for other nodes. */
export interface RemoteDelivery {
  /** Target: a topic or service anywhere, or a node and the target there. */
  readonly target: Target;
  /** True when an answer to it is expected. */
  readonly expectsReply: boolean;
  /** True when the promise of `deliver` must wait until a process on another node has the message. */
  readonly confirm?: boolean;
  /** Parts that the sender has room for when it asks for a stream. */
  readonly window?: number | undefined;
}

/** Connects a router with routers on other nodes. */
export interface RemoteBackend {
  /** Name of this node. */
  readonly nodeId: string;
  /** Called once by the router it is given to. */
  attach(host: RemoteHost): void;
  /** Called once when the router ends: no further message is taken for it. */
  detach?(): void;
  /** Sends a message to other nodes; rejects when it cannot be handed over, says nothing of what happens there. */
  deliver(message: KernelMessage, delivery: RemoteDelivery): Promise<void>;
  /** Forgets that an answer to a message is expected. */
  forget(messageId: string): void;
  /** One more part of a streamed answer from another node was read, so there is room for another one. */
  partRead?(messageId: string): void;
  /** Begins or ends to watch a process of another node; calling it again changes nothing. */
  watchProcess?(nodeId: string, watch: ProcessWatch, on: boolean): void;
  /** Tells a node that watches a process here of its end. */
  tellExit?(nodeId: string, pid: Pid, exit: RemoteExit): void;
  /**
   * The JSON schemas that nodes announce for the arguments of a method, of one node or of all that serve it; empty when one of them takes
   * anything, or is not known well enough.
   */
  announcedArgs?(service: string, method: string, nodeId: string | undefined): readonly JsonValue[];
  /** The first subscription to a pattern on this node, or the end of the last one. */
  subscriptionChanged(pattern: string, subscribed: boolean): void;
  /** The first owner of a service on this node, or the end of the last one. */
  serviceChanged(service: string, owned: boolean): void;
}
