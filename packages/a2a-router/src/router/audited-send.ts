import { type AgentwireError, toAgentwireError } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import { recordFailure, recordIntent, recordOutcome } from './audit.ts';
import type { SendOutcome, SendReport } from './send-report.ts';

/** Sends a message between two entries of a chain: its intent before `route` is called, and what became of it. */
export function sendAudited(
  chain: ChainManager,
  message: KernelMessage,
  redriveTo: Pid | undefined,
  route: () => SendOutcome,
): SendOutcome {
  recordIntent(chain, message, redriveTo);
  if (chain.fsync === 'always') return durably(message, chain, route);
  let outcome: SendOutcome;
  try {
    outcome = route();
  } catch (error) {
    throw failed(chain, message, error);
  }
  if (outcome instanceof Promise) return later(message, chain, outcome);
  recordOutcome(chain, outcome);
  return outcome;
}

async function later(message: KernelMessage, chain: ChainManager, outcome: Promise<SendReport>): Promise<SendReport> {
  let report: SendReport;
  try {
    report = await outcome;
  } catch (error) {
    const wrong = failed(chain, message, error);
    if (chain.fsync === 'always') await chain.durable();
    throw wrong;
  }
  recordOutcome(chain, report);
  return report;
}

/** Nothing is delivered before its intent is on the disk, and nothing is reported before its outcome is. */
async function durably(message: KernelMessage, chain: ChainManager, route: () => SendOutcome): Promise<SendReport> {
  await chain.durable();
  const report = await later(message, chain, settled(route));
  await chain.durable();
  return report;
}

/** Records that a message was not delivered, and gives back why. */
function failed(chain: ChainManager, message: KernelMessage, error: unknown): AgentwireError {
  const wrong = toAgentwireError(error, 'ERR_HANDLER');
  recordFailure(chain, message, wrong.code);
  return wrong;
}

async function settled(route: () => SendOutcome): Promise<SendReport> {
  return route();
}
