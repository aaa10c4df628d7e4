import { ALLOW, AgentwireError } from '@agentwire/core';
import { checkInteger, type BlockVerdict } from '@agentwire/core/internal';
import { checkNotFreed } from '../body/freed-piece.ts';
import { AgentDecision } from './agent-decision.ts';
import { checkRedirectUrl } from './check-decision.ts';

const PLAIN_ALLOW: AgentDecision = new AgentDecision(ALLOW.verdict).freeze();
const PASS: AgentDecision = new AgentDecision(ALLOW.verdict, null).freeze();
const NOTHING = new Uint8Array(0);

/**
 * Passes the request or response, and in a handler of chunks this chunk: the next one is asked for. On the head of a
 * message whose chunks a handler decides on, the body is asked for. `allow().done()` ends the inspection.
 *
 * Returns one frozen constant, whose bytes are encoded once.
 */
export function allow(): AgentDecision {
  return PLAIN_ALLOW;
}

/**
 * Answers the client instead of the upstream.
 *
 * @param status 200 to 999
 * @param body text for the client; none by default
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function block(status = 403, body?: string): AgentDecision {
  checkInteger('status of block', status, 200, 999);
  const verdict: BlockVerdict = body === undefined ? { type: 'block', status } : { type: 'block', status, body };
  return new AgentDecision(verdict);
}

/**
 * Redirects the client.
 *
 * @param url absolute with http or https, or a path on the same host that begins with one slash; printable ASCII without
 * spaces
 * @param status 300 to 399, but not 304
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_HEADER` for a url that no Location header can carry
 */
export function redirect(url: string, status = 302): AgentDecision {
  checkInteger('status of redirect', status, 300, 399);
  checkRedirectUrl(url);
  return new AgentDecision({ type: 'redirect', url, status });
}

/**
 * Challenges the client, for example with a captcha.
 *
 * The released Zentinel proxy passes challenged requests, so it gets a block instead; see `challengeFallback` of
 * `serveAgent`.
 *
 * @param challengeType a word that the proxy knows, such as `captcha`; text that a header can carry
 * @param params for the client; those that no header can carry reach it in the body of our gateway's answer only
 * @throws AgentwireError `ERR_INVALID_HEADER`, `ERR_INVALID_ARGUMENT`
 */
export function challenge(challengeType: string, params: Readonly<Record<string, string>> = {}): AgentDecision {
  if (typeof challengeType !== 'string')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', "type of challenge must be a text, such as 'captcha' or 'Bearer'");
  return new AgentDecision({ type: 'challenge', challengeType, params: { ...params } });
}

/** Passes the body chunk or WebSocket frame that is answered, unchanged; further chunks are asked for, as after `allow()`. */
export function pass(): AgentDecision {
  return PASS;
}

/** Drops the body chunk or WebSocket frame that is answered. */
export function drop(): AgentDecision {
  return new AgentDecision(ALLOW.verdict, NOTHING);
}

/**
 * Replaces the body chunk that is answered; text is encoded as UTF-8.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`; `ERR_INVALID_STATE` for a piece that `freeChunks` has freed
 */
export function replace(data: Uint8Array | string): AgentDecision {
  const bytes: unknown = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  if (!(bytes instanceof Uint8Array))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `replace() takes a string or a Uint8Array, got ${typeof data}`);
  checkNotFreed('replace() got', bytes);
  return new AgentDecision(ALLOW.verdict, bytes);
}

/**
 * Closes the WebSocket whose frame is answered.
 *
 * @param code 1000 to 4999, without the reserved codes 1004, 1005, 1006 and 1015
 * @param reason at most 123 bytes
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function closeWebSocket(code: number, reason = ''): AgentDecision {
  checkInteger('code of closeWebSocket', code, 1000, 4999);
  return PLAIN_ALLOW.withWebSocket({ type: 'close', code, reason });
}

/** Refuses a configuration: the proxy's `pushConfig` resolves to `refused` with `reason`. */
export function refuse(reason = 'Configuration rejected'): AgentDecision {
  return block(500, reason);
}
