import type { NodeResponse } from './node-messages.ts';

/** Returns an error with a code and message of node's own. */
export function nodeError(code: string, message: string, Kind: ErrorConstructor = Error): Error {
  return Object.assign(new Kind(message), { code });
}

/** Returns the error for what comes after the head. @param doing verb of the call, such as `set` */
export function headersSent({ req }: NodeResponse, doing: string): Error {
  return req.httpVersionMajor > 1
    ? nodeError('ERR_HTTP2_HEADERS_SENT', 'Response has already been initiated.')
    : nodeError('ERR_HTTP_HEADERS_SENT', `Cannot ${doing} headers after they are sent to the client`);
}
