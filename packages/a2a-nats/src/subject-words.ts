import { AgentwireError } from '@agentwire/core';
import type { Target } from '@agentwire/a2a-router';
import { encodeToken, encodeTopic } from './subject-token.ts';

const MAX_SUBJECT = 2048;
const MAX_NODE_TOKEN = 200;

/** Writes the name of a node as one subject token; throws `ERR_INVALID_ARGUMENT` for one that is empty or over 200 bytes as a token. */
export function nodeToken(nodeId: string): string {
  const token = encodeToken(nodeId);
  if (nodeId !== '' && token.length <= MAX_NODE_TOKEN) return token;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `the name of a node is 1 to ${MAX_NODE_TOKEN} bytes as a subject token, not ${token.length}; use a shorter one`,
  );
}

/** Writes a target on a node as subject tokens. @throws AgentwireError `ERR_INVALID_ARGUMENT` for one that does not leave its node */
export function innerTokens(to: Target): string {
  switch (to.kind) {
    case 'topic':
      return `topic.${encodeTopic(to.name)}`;
    case 'service':
      return `service.${serviceTokens(to.service, undefined)}`;
    case 'serviceMethod':
      return `service.${serviceTokens(to.service, to.method)}`;
    case 'kernel':
    case 'broadcast':
      return to.kind;
    default:
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `a ${to.kind} target does not go to a node`);
  }
}

/** Writes a service, or a method of it, as two subject tokens. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an empty name */
export function serviceTokens(service: string, method: string | undefined): string {
  if (service === '' || method === '')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a service and a method must have a name');
  return `${encodeToken(service)}.${encodeToken(method ?? '')}`;
}

/** Gives a subject back that is 2048 bytes at most, else throws `ERR_INVALID_ARGUMENT`: a server ends the connection of a client that sends a longer line. */
export function bounded(subject: string): string {
  if (subject.length <= MAX_SUBJECT) return subject;
  throw new AgentwireError(
    'ERR_INVALID_ARGUMENT',
    `a subject of ${subject.length} bytes is over the limit of ${MAX_SUBJECT}; use a shorter name`,
    { detail: { bytes: subject.length, limit: MAX_SUBJECT } },
  );
}
