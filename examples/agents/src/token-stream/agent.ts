// Watches the tokens of a language model while they stream (server-sent events), and ends the answer at a forbidden phrase.
import { type Agent, allow, block, defineAgent } from 'agentwire';

/** Phrases in lower case, compared without regard to case and to runs of white space. */
const PHRASES = (process.env['FORBIDDEN_PHRASES'] ?? 'project nightfall|launch code').toLowerCase().split('|');
const MAX_EVENT = 65_536;
const MAX_HELD = 1_000;
const CUT = JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'content_filter' }] });

/** Answer of chat completions, as a whole or as one event of a stream. */
interface Completion {
  readonly choices?: readonly { readonly delta?: Message; readonly message?: Message }[];
}
interface Message {
  readonly content?: string | null;
}

const plain = (text: string): string => text.toLowerCase().replaceAll(/\s+/g, ' ');
const isForbidden = (text: string): boolean => PHRASES.some((phrase) => text.includes(phrase));

/** Longest end of `text` that may be the beginning of a phrase. */
function openLength(text: string): number {
  const longest = Math.max(...PHRASES.map(({ length }) => length)) - 1;
  for (let length = Math.min(longest, text.length); length > 0; length--)
    if (PHRASES.some((phrase) => phrase.startsWith(text.slice(-length)))) return length;
  return 0;
}

/** Text of one event: `choices[].delta.content` as chat completions have it, nothing for any other event. */
function tokenOf(event: string): string {
  const data = event.split(/\r?\n/).flatMap((line) => (line.startsWith('data:') ? line.slice(5).trimStart() : []));
  if (data.length === 0 || data[0] === '[DONE]') return '';
  const { choices = [] } = JSON.parse(data.join('\n')) as Completion;
  return choices.map(({ delta }) => delta?.content ?? '').join('');
}

/** Events of a stream, each with the empty line that ends it. */
async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    for (let end; (end = /\r?\n\r?\n/.exec(rest)) !== null; rest = rest.slice(end.index + end[0].length))
      yield rest.slice(0, end.index + end[0].length);
    if (rest.length > MAX_EVENT) throw new Error('an event is too long');
  }
  if (rest !== '') yield rest;
}

/** Passes events on once no phrase can begin in them; a phrase ends the stream. */
async function* watch(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  const held: string[] = [];
  let text = '';
  for await (const event of eventsOf(body)) {
    held.push(event);
    text = plain(text + tokenOf(event));
    if (isForbidden(text)) return yield `data: ${CUT}\n\ndata: [DONE]\n\n`; // what is held and what comes is dropped
    text = text.slice(text.length - openLength(text));
    if (held.length > MAX_HELD) throw new Error('too many events without text');
    if (text === '') yield held.splice(0).join('');
  }
  yield held.join('');
}

const tokenStream: Agent = defineAgent({
  name: 'token-stream',
  version: '1.0.0',
  responseBody: true,
  onRequestHeaders: () => allow().removeRequestHeader('range').setRequestHeader('accept-encoding', 'gzip, br'),
  async onResponseHeaders(response) {
    const type = response.headers.get('content-type') ?? '';
    if (/^text\/event-stream\b/i.test(type)) return allow().transformBody(watch);
    if (!/^application\/json\b/i.test(type)) return allow().done();
    const { choices = [] } = (await response.json({ decode: true, hold: true })) as Completion;
    return choices.some(({ message }) => isForbidden(plain(message?.content ?? ''))) ? block(403) : allow();
  },
});

export default tokenStream;
