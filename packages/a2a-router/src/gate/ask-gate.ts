import type { Clock, Logger, TimerHandle } from '@agentwire/core';
import { copyPayload } from '../message/copy-payload.ts';
import { copyTarget } from '../message/seal-message.ts';
import type { KernelMessage } from '../message/message.ts';
import { type JsonValue, type Payload, payloadType, payloadValue } from '../message/payload.ts';
import type { Target } from '../message/target.ts';
import type { Pid } from '../process/pid.ts';
import { type GateBackend, type GateContext, gateDecision, type GateDecision } from './gate.ts';
import { isLater, judgeAnswer } from './judge-answer.ts';

/** Time limit and logger for a question to a gate. */
export interface AskGateOptions {
  /** Milliseconds after which an answer is a denial. */
  readonly timeoutMs: number;
  /** Time. */
  readonly clock: Clock;
  /** Told when a gate fails. */
  readonly logger: Logger;
}

/** Asks a gate about a message; a throw, a rejection, a late answer and an answer it cannot read are denials. */
export function askGate(
  gate: GateBackend,
  agentId: string,
  message: KernelMessage,
  options: AskGateOptions,
): GateDecision | Promise<GateDecision> {
  try {
    const answer: unknown = gate.check(agentId, gateAction(message), new AskedContext(message));
    return isLater(answer) ? inTime(Promise.resolve(answer), options) : judgeAnswer(answer);
  } catch (error) {
    return failed(error, options);
  }
}

/** View of a message for a gate. A class, because a literal with a getter is as slow to make as the rest of a send. */
class AskedContext implements GateContext {
  readonly from: Pid;
  readonly fromNode: string | undefined;
  readonly payloadType: string;
  readonly messageId: string;
  readonly layer = 'routing';
  readonly #payload: Payload;
  readonly #target: Target;

  constructor(message: KernelMessage) {
    this.from = message.from;
    this.fromNode = message.fromNode;
    this.payloadType = payloadType(message.payload);
    this.messageId = message.id;
    this.#payload = message.payload;
    this.#target = message.target;
  }

  /** Copied for a gate that looks at it: what it does with its copy changes nothing. */
  get target(): Target {
    return copyTarget(this.#target);
  }

  /** Copied only for a gate that looks at it: what it does with its copy changes nothing. */
  get args(): JsonValue | Uint8Array {
    return payloadValue(copyPayload(this.#payload));
  }
}

function gateAction({ payload }: KernelMessage): string {
  if (payload.kind === 'toolCall') return `tool.${payload.name}`;
  return payload.kind === 'signal' ? 'ipc.signal' : 'ipc.send';
}

function failed(error: unknown, { logger }: AskGateOptions): GateDecision {
  logger.error(
    { error: error instanceof Error ? error.message : String(error) },
    'the gate failed, so the message is denied',
  );
  return gateDecision.deny('the gate failed');
}

function inTime(answer: Promise<unknown>, options: AskGateOptions): Promise<GateDecision> {
  const { clock, timeoutMs, logger } = options;
  return new Promise((resolve) => {
    const timer: TimerHandle = clock.setTimeout(() => {
      logger.error({ timeoutMs }, 'the gate is late, so the message is denied');
      resolve(gateDecision.deny(`the gate did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    answer.then(
      (decision) => {
        clock.clearTimeout(timer);
        resolve(judgeAnswer(decision));
      },
      (error: unknown) => {
        clock.clearTimeout(timer);
        resolve(failed(error, options));
      },
    );
  });
}
