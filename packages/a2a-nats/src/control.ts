import { AgentwireError } from '@agentwire/core';
import type { Msg } from '@nats-io/transport-node';
import type { NodeLink } from './node-link.ts';
import type { ControlWord, SubjectParts } from './subject-parts.ts';

const MAX_ID = 128;

/** Takes what another node says about its requests: it can end, and give credits to, what it asked itself and nothing else. */
export function takeControl(link: NodeLink, { source, rest }: SubjectParts, msg: Msg): void {
  switch (rest[1] as ControlWord) {
    case 'cancel':
      link.host.cancel(source, readId(msg));
      break;
    case 'credit': {
      const { id, read } = readBody(msg);
      if (!Number.isSafeInteger(read) || Number(read) < 1) throw unreadable();
      link.host.credit(source, checkId(id), Number(read));
      break;
    }
    default:
      link.namesakes.take(source, msg);
  }
}

function readId(msg: Msg): string {
  return checkId(readBody(msg)['id']);
}

function checkId(id: unknown): string {
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID) throw unreadable();
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
  return new AgentwireError('ERR_PROTOCOL', 'what another node says about a request cannot be read');
}
