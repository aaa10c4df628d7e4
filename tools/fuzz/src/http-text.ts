/** An HTTP/1 message as far as it was read; text is latin-1, names are in lower case. */
export interface HttpMessage {
  readonly startLine: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  /** Set when the body is complete. */
  readonly whole: boolean;
  /** Length of the message in what was read, where it is whole. */
  readonly length: number;
}

/** Framing of a message's body. */
export interface BodyRules {
  /** Set when no body follows, whatever the headers: responses to HEAD, 204, 304. */
  readonly bodiless: (startLine: string) => boolean;
  /** Set when a body without length and chunks lasts until the connection ends. */
  readonly untilClose: boolean;
  /** Set when the connection has ended. */
  readonly ended: boolean;
}

/** Returns every value of a name, joined. */
export function headerOf(headers: HttpMessage['headers'], name: string): string | undefined {
  const values = headers.filter(([key]) => key === name).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(', ');
}

function unchunk(text: string): { body: string; end: number | undefined } {
  let at = 0;
  let body = '';
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd < 0) return { body, end: undefined };
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) throw new SyntaxError(`not a chunk size: ${JSON.stringify(text.slice(at, lineEnd))}`);
    at = lineEnd + 2;
    if (size === 0) {
      const end = text.startsWith('\r\n', at) ? at : text.indexOf('\r\n\r\n', at) + 2;
      return { body, end: end < at || text.length < end + 2 ? undefined : end + 2 };
    }
    body += text.slice(at, at + size);
    if (text.length < at + size + 2) return { body, end: undefined };
    at += size + 2;
  }
}

/** Reads the first message of `text`; `undefined` while its head is not there. @throws SyntaxError for bad chunks */
export function readMessage(text: string, rules: BodyRules): HttpMessage | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [startLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const from = headEnd + 4;
  const message = { startLine, headers };
  if (rules.bodiless(startLine)) return { ...message, body: '', whole: true, length: from };
  if (headerOf(headers, 'transfer-encoding')?.toLowerCase() === 'chunked') {
    const { body, end } = unchunk(text.slice(from));
    return { ...message, body, whole: end !== undefined, length: from + (end ?? 0) };
  }
  const announced = headerOf(headers, 'content-length');
  if (announced !== undefined) {
    const length = from + Number(announced);
    return { ...message, body: text.slice(from, length), whole: text.length >= length, length };
  }
  if (!rules.untilClose) return { ...message, body: '', whole: true, length: from };
  return { ...message, body: text.slice(from), whole: rules.ended, length: text.length };
}
