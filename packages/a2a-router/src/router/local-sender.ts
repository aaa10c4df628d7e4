import { AgentwireError, type Clock, toAgentwireError } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import type { DeadLetter } from '../inbox/dead-letter.ts';
import { checkMessageOptions, type KernelMessage, type MessageOptions } from '../message/message.ts';
import type { Payload } from '../message/payload.ts';
import { newMessage, sealMessage } from '../message/seal-message.ts';
import type { Target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import { aroundSend, type Interceptor } from './interceptors.ts';
import type { PendingRequest } from './pending-request.ts';
import { PLAIN, type SendContext } from './send-context.ts';
import type { SendPath } from './send-path.ts';
import type { SendOutcome, SendReport } from './send-report.ts';
import type { ServiceDelivery } from './service-delivery.ts';

const REPLY: SendContext = Object.freeze({ isReply: true });

/** Sends the messages of this node, copied and checked first. */
export class LocalSender {
  readonly #path: SendPath;
  readonly #checkOpen: () => void;
  /** Checks arguments when the sender is to check them too. */
  readonly #interceptors: readonly Interceptor[];
  readonly #contracts: Pick<ServiceDelivery, 'checkAtSender'> | undefined;
  readonly #clock: Clock;

  constructor(
    path: SendPath,
    checkOpen: () => void,
    contracts: Pick<ServiceDelivery, 'checkAtSender'> | undefined,
    interceptors: readonly Interceptor[],
    clock: Clock,
  ) {
    this.#clock = clock;
    this.#path = path;
    this.#checkOpen = checkOpen;
    this.#contracts = contracts;
    this.#interceptors = interceptors;
  }

  /** Sends a message; rejects with what stood in its way. */
  send(message: KernelMessage, chain: ChainManager | undefined): Promise<SendReport> {
    try {
      this.#checkOpen();
      return promised(this.#dispatch(sealMessage(message), chain, PLAIN));
    } catch (error) {
      return rejected(error);
    }
  }

  /** Makes a message in the name of a process here, and sends it. */
  sendNew(
    from: Pid,
    to: Target,
    payload: Payload,
    options: MessageOptions | undefined,
    chain: ChainManager | undefined,
  ): Promise<SendReport> {
    try {
      this.#checkOpen();
      if (options !== undefined) checkMessageOptions(options);
      return promised(this.#dispatch(newMessage(from, to, payload, options, this.#clock), chain, PLAIN));
    } catch (error) {
      return rejected(error);
    }
  }

  /** Sends a message that {@link newMessage} made; an answer to a pending request is for that request alone. */
  answer(
    message: KernelMessage,
    chain: ChainManager | undefined,
    isReply: boolean,
    answers: PendingRequest | undefined,
  ): Promise<SendReport> {
    try {
      const context = answers === undefined ? (isReply ? REPLY : PLAIN) : { isReply, answers };
      return promised(this.#dispatch(message, chain, context));
    } catch (error) {
      return rejected(error);
    }
  }

  /** Sends a sealed message that asks an answer for `waiting`; throws synchronously if it can be rejected immediately. */
  ask(
    message: KernelMessage,
    chain: ChainManager | undefined,
    waiting: PendingRequest,
    checkedAt: number | undefined,
  ): SendOutcome {
    // interceptors and schemas may take their time, so the deadline is compared with the clock again after them.
    const isDirect = this.#interceptors.length === 0 && this.#contracts === undefined;
    return this.#dispatch(message, chain, isDirect ? { waiting, checkedAt } : { waiting });
  }

  /** Sends a dead letter to its one recipient again. */
  redrive({ message, recipient }: DeadLetter, chain: ChainManager | undefined): Promise<SendReport> {
    try {
      this.#checkOpen();
      return promised(this.#path.dispatch(message, chain, { redriveTo: recipient }));
    } catch (error) {
      return rejected(error);
    }
  }

  #dispatch(message: KernelMessage, chain: ChainManager | undefined, context: SendContext): SendOutcome {
    this.#checkOpen();
    if (message.fromNode !== undefined) {
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        'a message with fromNode comes from the backend and is not sent again',
      );
    }
    const interceptors = this.#interceptors;
    if (interceptors.length === 0) return this.#forward(message, chain, context);
    // interceptors look at a copy, so that gate, chain and recipients see what was checked.
    return aroundSend(interceptors, sealMessage(message, message), () => this.#forward(message, chain, context));
  }

  #forward(message: KernelMessage, chain: ChainManager | undefined, context: SendContext): SendOutcome {
    const checked = this.#contracts?.checkAtSender(message);
    return checked === undefined
      ? this.#path.dispatch(message, chain, context)
      : checked.then(() => this.#path.dispatch(message, chain, context));
  }
}

function promised(outcome: SendOutcome): Promise<SendReport> {
  return outcome instanceof Promise ? outcome : Promise.resolve(outcome);
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(toAgentwireError(error, 'ERR_HANDLER'));
}
