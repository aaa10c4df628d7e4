import type { VerdictResponse } from '@agentwire/pipeline/internal';
import type { NodeResponse } from './node-messages.ts';

/**
 * Sends a response in place of the application's.
 *
 * @param end ends the response; its own method may be replaced
 */
export function sendOwn(own: VerdictResponse, response: NodeResponse, end: NodeResponse['end']): void {
  const { req } = response;
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.statusCode = own.status;
  // HTTP/2 has no reasons
  if (req.httpVersionMajor < 2) response.statusMessage = '';
  const { headers, body } = own;
  for (let at = 0; at < headers.length; at += 2)
    response.appendHeader(headers[at] as string, headers[at + 1] as string);
  if (own.status !== 204 && own.status !== 304) response.setHeader('content-length', Buffer.byteLength(body));
  // the rest of a body that is not read would be taken for the next request's head, or never end
  if (!req.complete && req.httpVersionMajor < 2) response.setHeader('connection', 'close');
  end.call(response, req.method === 'HEAD' ? '' : body, 'utf8');
}
