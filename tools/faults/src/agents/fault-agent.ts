import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  allow,
  block,
  defineAgent,
  type Agent,
  type AgentDecision,
  type HandlerContext,
  type IncomingRequest,
} from '@agentwire/agent';
import type { Decision } from '@agentwire/core';
import { delay } from '@agentwire/core/internal';
import { monotonicMs } from '../now.ts';
import { readReport, type AgentSide } from './agent-report.ts';

const side: AgentSide = { started: 0, running: 0, aborted: [], uncaught: [] };
process.on('unhandledRejection', (reason) => side.uncaught.push(`unhandled rejection: ${String(reason)}`));
process.on('uncaughtException', (error) => side.uncaught.push(`uncaught exception: ${error.message}`));
process.on('warning', (warning) => side.uncaught.push(`warning: ${warning.message}`));

const LONG = 'ü'.repeat(200);
const named = (n: string | null): AgentDecision => allow().done().withTag(`n:${n}`);

async function slow(ms: number, n: string | null, context: HandlerContext): Promise<Decision> {
  side.running += 1;
  try {
    await delay(context.clock, ms, context.signal);
  } finally {
    side.running -= 1;
  }
  return named(n);
}

/** Reads a body of which what is past 1 MiB needs a file. */
async function spill(request: IncomingRequest): Promise<Decision> {
  const { byteLength } = await request.bytes({ limit: 16 * 1024 ** 2, spill: true });
  return allow().withTag(`n:${byteLength}`);
}

/** Decides nothing until it is told to stop, and notes when that was. */
async function watch(context: HandlerContext): Promise<Decision> {
  side.started += 1;
  side.running += 1;
  await new Promise<void>((resolve) => {
    context.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  side.running -= 1;
  side.aborted.push(monotonicMs());
  return allow();
}

const agent: Agent = defineAgent({
  name: 'faults',
  version: '1.0.0',
  maxConcurrentRequests: 65_536,
  handlerTimeoutMs: 120_000,
  onRequestHeaders(request, context) {
    const n = request.query.get('n');
    switch (request.path) {
      case '/slow':
        return slow(Number(request.query.get('ms')), n, context);
      case '/watch':
        return watch(context);
      case '/report':
        return allow().withTag(JSON.stringify(readReport(side)));
      case '/long':
        return block(403, LONG).withTag(`n:${n}`);
      case '/more':
        return named(n).needsMoreBody();
      case '/spill':
        return spill(request);
      case '/free':
        rmSync(join(tmpdir(), 'filler'), { force: true });
        return named(n);
      case '/exit':
        return process.exit(0);
      default:
        return named(n);
    }
  },
  onRequestBodyChunk: () => allow(),
  onResponseHeaders: () => allow(),
  onResponseBodyChunk: () => allow(),
  onWebSocketFrame: () => allow(),
  onGuardrail: () => ({ detected: false, confidence: 0, detections: [] }),
  onConfigure: () => allow(),
});

export default agent;
