import type { VerdictResponse } from '@agentwire/pipeline/internal';
import type { LowerResponse } from './lower-response.ts';
import type { NodeResponse } from './node-messages.ts';

/** Sends a response in place of the application's, by the methods that the response had before the agents' own. */
export function sendOwn(own: VerdictResponse, response: NodeResponse, lower: LowerResponse): void {
  const { req } = response;
  for (const name of response.getHeaderNames()) lower.removeHeader(name);
  // HTTP/2 has no reasons
  if (req.httpVersionMajor < 2) response.statusMessage = '';
  const { status, headers, body } = own;
  for (let at = 0; at < headers.length; at += 2) lower.appendHeader(headers[at] as string, headers[at + 1] as string);
  if (status !== 204 && status !== 304) lower.setHeader('content-length', Buffer.byteLength(body));
  // the rest of a body that is not read would be taken for the next request's head, or never end
  if (!req.complete && req.httpVersionMajor < 2) lower.setHeader('connection', 'close');
  lower.writeHead(status);
  lower.end(req.method === 'HEAD' ? '' : body, 'utf8');
}
