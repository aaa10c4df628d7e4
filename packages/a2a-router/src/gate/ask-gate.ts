import type { Clock, Logger, TimerHandle } from '@agentwire/core';
import { copyPayload } from '../message/copy-payload.ts';
import type { KernelMessage } from '../message/message.ts';
import { payloadValue } from '../message/payload-value.ts';
import { payloadType } from '../message/payload-type.ts';
import { type GateBackend, gateDecision, type GateDecision } from './gate.ts';
import { isLater, judgeAnswer } from './judge-answer.ts';

/** How a gate is asked. */
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
    const answer: unknown = gate.check(agentId, gateAction(message), {
      from: message.from,
      fromNode: message.fromNode,
      target: message.target,
      payloadType: payloadType(message.payload),
      // Copied only for a gate that looks at it: what it does with its copy changes nothing.
      get args() {
        return payloadValue(copyPayload(message.payload));
      },
      messageId: message.id,
      layer: 'routing',
    });
    return isLater(answer) ? inTime(Promise.resolve(answer), options) : judgeAnswer(answer);
  } catch (error) {
    return failed(error, options);
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
