import type { ProcessWatch, RemoteExit } from '@agentwire/a2a-router/internal';
import { AgentwireError, toAgentwireError } from '@agentwire/core';
import type { Msg } from '@nats-io/transport-node';
import type { NodeLink } from './node-link.ts';
import { encodeAbsent, isId, isIds } from './note-text.ts';
import { openReply, tellTaken } from './remote-reply.ts';
import type { ControlWord, SubjectParts } from './subject-parts.ts';

/** Takes what another node says about its requests and processes: it can end, and give credits to, what it asked itself and nothing else. */
export function takeControl(link: NodeLink, { source, rest }: SubjectParts, msg: Msg): void {
  switch (rest[1] as ControlWord) {
    case 'cancel':
      link.host.cancel(source, readId(msg));
      break;
    case 'check':
      tellAbsent(link, source, msg);
      break;
    case 'credit': {
      const { id, read } = readBody(msg);
      if (!Number.isSafeInteger(read) || Number(read) < 1) throw unreadable();
      link.host.credit(source, checkId(id), Number(read));
      break;
    }
    case 'unschedule': {
      const { inbox, id } = readBody(msg);
      if (typeof inbox !== 'string') throw unreadable();
      void unschedule(link, source, { inbox, id: checkId(id) }, msg.reply);
      break;
    }
    case 'watch':
    case 'unwatch':
      link.host.watch(source, readWatch(msg), rest[1] === 'watch');
      break;
    case 'exited': {
      const { pid, code, reason } = readBody(msg);
      link.host.exited(source, readPid(pid), readExit(code, reason));
      break;
    }
    default:
      link.nameConflicts.take(source, msg);
  }
}

/** Says which requests of another node are not in hand here, and which of its sends no process has. */
function tellAbsent(link: NodeLink, source: string, msg: Msg): void {
  const { ids, sends } = readBody(msg);
  const subject = link.subjects.answerTo(source, msg.reply);
  if (!isIds(ids ?? sends)) throw unreadable();
  const absent = isIds(ids)
    ? ids.filter((id) => !link.host.holds(source, id))
    : (sends as readonly string[]).filter((id) => isAbsent(link, source, id));
  if (subject !== undefined && absent.length > 0) link.say(subject, encodeAbsent(absent));
}

/** Tells whether no process has a send; that one has it is told again, because the confirmation was lost. */
function isAbsent(link: NodeLink, source: string, id: string): boolean {
  const { state, replyTo } = link.sends.find(source, id);
  if (state === 'taken') tellTaken(link, source, replyTo);
  return state === 'absent';
}

/** Takes back a delayed message that the same node sent, and says whether it was there. */
async function unschedule(
  link: NodeLink,
  source: string,
  { inbox, id }: { readonly inbox: string; readonly id: string },
  replyTo: string | undefined,
): Promise<void> {
  const asker = { source, id, replyTo, tellFailure: true, window: undefined };
  try {
    const isGone = await link.unschedule(source, link.subjects.laterOf(source, inbox), id);
    if (isGone) tellTaken(link, source, replyTo);
    else openReply(link, asker)?.fail('ERR_REQUEST_ENDED', 'no such message waits for its time');
  } catch (error) {
    const { code, message } = toAgentwireError(error, 'ERR_IO');
    openReply(link, asker)?.fail(code, message);
  }
}

function readWatch(msg: Msg): ProcessWatch {
  const { pid, by, link } = readBody(msg);
  return { pid: readPid(pid), by: readPid(by), link: link === true };
}

function readPid(pid: unknown): number {
  if (!Number.isSafeInteger(pid) || Number(pid) < 0) throw unreadable();
  return Number(pid);
}

function readExit(code: unknown, reason: unknown): RemoteExit {
  if (reason === 'noproc' || reason === 'denied' || reason === 'noconnection') return { reason };
  if (!Number.isSafeInteger(code)) throw unreadable();
  return { code: Number(code) };
}

function readId(msg: Msg): string {
  return checkId(readBody(msg)['id']);
}

function checkId(id: unknown): string {
  if (!isId(id)) throw unreadable();
  return id;
}

function readBody(msg: Msg): { readonly [key: string]: unknown } {
  try {
    return Object(JSON.parse(msg.string()) as unknown) as { readonly [key: string]: unknown };
  } catch {
    throw unreadable();
  }
}

function unreadable(): AgentwireError {
  return new AgentwireError('ERR_PROTOCOL', 'what another node says about a request or a process cannot be read');
}
