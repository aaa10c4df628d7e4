import { hash } from 'node:crypto';
import type { ErrorCode } from '@agentwire/core';
import { canonicalJson } from '../chain/canonical-json.ts';
import type { ChainManager } from '../chain/chain-manager.ts';
import { payloadToJson } from '../message/message-json.ts';
import type { KernelMessage } from '../message/message.ts';
import type { Pid } from '../process/pid.ts';
import { type Payload, payloadType } from '../message/payload.ts';
import { describeTarget, type Target } from '../message/target.ts';
import type { SendReport } from './send-report.ts';

const SOURCE = 'ipc';
const LISTED_REJECTIONS = 1000;

/**
 * SHA-256, in hex, of a payload: its text in UTF-8, its bytes, or the canonical JSON of its JSON form.
 *
 * A text with a lone surrogate has no UTF-8; its digest is over the byte 255, which UTF-8 never has, and UTF-16LE.
 */
function payloadDigest(payload: Payload): string {
  if (payload.kind === 'text') return hash('sha256', textBytes(payload.text), 'hex');
  if (payload.kind === 'binary') return hash('sha256', payload.bytes, 'hex');
  return hash('sha256', canonicalJson(payloadToJson(payload)), 'hex');
}

function textBytes(text: string): string | Uint8Array {
  return text.isWellFormed() ? text : Buffer.concat([Buffer.from([255]), Buffer.from(text, 'utf16le')]);
}

/**
 * Records that a message is about to be sent, or that a dead letter is about to be sent to one recipient again.
 *
 * The keys are written in their order, because that is twice as fast as sorting them.
 */
export function recordIntent(chain: ChainManager, message: KernelMessage, redriveTo?: Pid): void {
  const correlation =
    message.correlationId === undefined ? '' : `"correlation_id":${JSON.stringify(message.correlationId)},`;
  const node = message.fromNode === undefined ? '' : `"from_node":${JSON.stringify(message.fromNode)},`;
  const to = redriveTo === undefined ? '' : `,"to":${redriveTo}`;
  const trace = message.traceId === undefined ? '' : `,"trace_id":${JSON.stringify(message.traceId)}`;
  chain.recordCanonical(
    SOURCE,
    redriveTo === undefined ? 'ipc.send' : 'ipc.redrive',
    `{${correlation}"digest":"${payloadDigest(message.payload)}","from":${message.from},${node}"msg_id":${quotedId(message.id)},"payload_type":"${payloadType(message.payload)}","target":${targetText(message.target)}${to}${trace}}`,
  );
}

/** Records what became of it: who has it, who was refused and why. */
export function recordOutcome(chain: ChainManager, report: SendReport): void {
  const { rejected } = report;
  const list = rejected.length === 0 ? '' : `,"rejected":[${listed(rejected)}],"rejected_count":${rejected.length}`;
  const duplicates = report.duplicates === undefined ? '' : `"duplicates":${report.duplicates},`;
  const remote = report.remote === 0 ? '' : `,"remote":${report.remote}`;
  const failure = report.remoteError === undefined ? '' : `,"remote_error":"${report.remoteError}"`;
  const sequence = report.sequence === undefined ? '' : `,"sequence":${report.sequence}`;
  chain.recordCanonical(
    SOURCE,
    'ipc.outcome',
    `{"delivered":${report.delivered},${duplicates}"msg_id":${quotedId(report.messageId)}${list}${remote}${failure}${sequence}}`,
  );
}

/** Records that a message was not delivered. */
export function recordFailure(chain: ChainManager, message: KernelMessage, code: ErrorCode): void {
  chain.recordCanonical(SOURCE, 'ipc.outcome', `{"code":"${code}","delivered":0,"msg_id":${quotedId(message.id)}}`);
}

function listed(rejected: SendReport['rejected']): string {
  return rejected
    .slice(0, LISTED_REJECTIONS)
    .map(({ pid, code }) => `{"code":"${code}","pid":${pid}}`)
    .join(',');
}

const PLAIN = /^[\w-]*$/;
let lastId = '';
let lastQuoted = '""';

/** The id of a message is written twice, most often one right after the other. */
function quotedId(id: string): string {
  if (id !== lastId) {
    lastQuoted = PLAIN.test(id) ? `"${id}"` : JSON.stringify(id);
    lastId = id;
  }
  return lastQuoted;
}

function targetText(to: Target): string {
  return to.kind === 'process' ? `"Process(${to.pid})"` : JSON.stringify(describeTarget(to));
}

/** Records that a remembered message is about to be given to a new subscriber, and then what became of it. */
export function recordReplay(
  chain: ChainManager,
  { id, sequence }: KernelMessage,
  to: Pid,
  outcome: ErrorCode | 'delivered' | undefined,
): void {
  const place = sequence === undefined ? '' : `,"sequence":${sequence}`;
  const result = outcome === undefined ? '' : `"outcome":"${outcome}",`;
  chain.recordCanonical(SOURCE, 'ipc.replay', `{"msg_id":${JSON.stringify(id)},${result}"pid":${to}${place}}`);
}
