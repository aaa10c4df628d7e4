import type { ErrorCode } from '@agentwire/core';
import type { KernelMessage } from '../message/message.ts';
import { payloadSize } from '../message/payload-size.ts';
import { KERNEL_PID } from '../process/pid.ts';
import type { ResolvedInboxOptions } from './inbox-options.ts';
import { Lane } from './lane.ts';

/** Signals of one inbox: a full lane evicts those of agents before those of the kernel, and kills last. */
export class SignalLane extends Lane {
  readonly #options: ResolvedInboxOptions;
  readonly #evicted: (message: KernelMessage) => void;

  constructor(options: ResolvedInboxOptions, evicted: (message: KernelMessage) => void) {
    super();
    this.#options = options;
    this.#evicted = evicted;
  }

  /** Takes a signal in; one that is worth less than all that wait is refused. */
  offer(message: KernelMessage): ErrorCode | undefined {
    const { signalCapacity, maxBytes } = this.#options;
    const bytes = payloadSize(message);
    while (this.length >= signalCapacity || (this.length > 0 && this.bytes + bytes > maxBytes)) {
      const fromKernel = isKernels(message);
      const oldest =
        this.take((one) => !isKernels(one) && !isKill(one)) ??
        (fromKernel || isKill(message) ? this.take((one) => !isKernels(one)) : undefined) ??
        (fromKernel ? (this.take((one) => !isKill(one)) ?? this.shift()) : undefined);
      if (oldest === undefined) return 'ERR_INBOX_FULL';
      this.#evicted(oldest);
    }
    this.push(message, bytes);
    return undefined;
  }
}

function isKernels({ from, fromNode }: KernelMessage): boolean {
  return from === KERNEL_PID && fromNode === undefined;
}

function isKill(message: KernelMessage): boolean {
  return message.payload.kind === 'signal' && message.payload.signal.toLowerCase() === 'kill';
}
