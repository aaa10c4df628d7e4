import type { JsonValue } from '../message/payload.ts';
import type { Target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import { AgentwireError } from '@agentwire/core';
import { checkMethods } from '@agentwire/core/internal';

/** Decision of a gate: let the message through, let the recipient's own gate decide, or block it. */
export type GateDecision =
  | { readonly kind: 'permit' }
  | { readonly kind: 'defer'; readonly reason?: string }
  | { readonly kind: 'deny'; readonly reason: string };

/** Facts about a message for a gate. */
export interface GateContext {
  /** Pid of the sender. */
  readonly from: Pid;
  /** Node of the sender when that is another one. */
  readonly fromNode: string | undefined;
  /** Target of the message. */
  readonly target: Target;
  /** Kind of its payload, as in audit events: `text`, `json`, `tool_call`, `tool_result`, `signal`, `binary`. */
  readonly payloadType: string;
  /** Copy of what the message carries: the args of a tool call, the JSON value, the text, the bytes, or the detail of a signal. */
  readonly args: JsonValue | Uint8Array;
  /** Id of the message. */
  readonly messageId: string;
  /** Place in the system at which the gate is asked; always routing time here. */
  readonly layer: 'routing';
}

/** Decides at routing time whether a message may pass, before scope and delivery. */
export interface GateBackend {
  /**
   * Judges one action of one agent: `tool.<name>` for a tool call, `ipc.signal` for a signal, `ipc.send` for the rest.
   *
   * A gate that throws, rejects, answers late or gives an answer that is none of the three denies. While an asynchronous gate thinks about one message,
   * a later one of the same sender may overtake it.
   */
  check(agentId: string, action: string, context: GateContext): GateDecision | Promise<GateDecision>;
}

/** Makes gate decisions: `gateDecision.permit`, `gateDecision.deny('not on Sundays')`. */
export const gateDecision: {
  /** Let the message through. */
  readonly permit: GateDecision;
  /** Mark the message, or park it, so that someone decides later. */
  readonly defer: (reason?: string) => GateDecision;
  /** Block the message; the reason is told to the sender. */
  readonly deny: (reason: string) => GateDecision;
} = {
  permit: Object.freeze({ kind: 'permit' }),
  defer: (reason) => (reason === undefined ? { kind: 'defer' } : { kind: 'defer', reason }),
  deny: (reason) => ({ kind: 'deny', reason }),
};

/** Gate of a router: set once, so that it cannot be replaced by a more lenient one. */
export class GateSlot {
  #gate: GateBackend | undefined;

  constructor(gate: GateBackend | undefined) {
    this.#gate = gate;
  }

  /** The gate, if there is one. */
  get gate(): GateBackend | undefined {
    return this.#gate;
  }

  /** Puts a gate in; throws `ERR_INVALID_STATE` if there is one already. */
  fill(gate: GateBackend): void {
    if (this.#gate !== undefined) throw new AgentwireError('ERR_INVALID_STATE', 'the router has a gate already');
    checkMethods('gate', gate, ['check']);
    this.#gate = gate;
  }
}
