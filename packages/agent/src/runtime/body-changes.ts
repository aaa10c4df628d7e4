import { ALLOW, AgentwireError, type Decision, type ProxyEvent } from '@agentwire/core';
import type { BodyAnswers } from '../body/body-answers.ts';
import { withHeadOps } from '../body/body-answers.ts';
import type { BodyReader } from '../body/body-reader.ts';
import type { Message } from '../body/message.ts';
import type { BodyChange } from '../change/body-change.ts';
import { BodyOutput } from '../change/body-output.ts';
import { codingsOf, decodedBody, once } from '../change/content-coding.ts';
import type { HandlerRun } from '../run/handler-run.ts';
import type { EventContext } from './event-context.ts';

/** Follows a run to its decision. */
type Follow = (run: HandlerRun, context: EventContext, decided: Promise<Decision>) => unknown;

/** Charsets that hold ASCII as it is, so that a match is one in them too. */
const ASCII_CHARSETS = /^(?:utf-?8|(?:us-)?ascii|iso-8859-\d{1,2}|latin1|windows-125\d)$/i;

/** Carries out the change of a body that a decision on its head holds. */
export class BodyChanges {
  readonly #follow: Follow;

  constructor(follow: Follow) {
    this.#follow = follow;
  }

  /**
   * Returns the decision for the event that waits: the one on the head, whose body then changes as it streams, or the one
   * with the new body where the handler has read the old one.
   *
   * @throws AgentwireError `ERR_HANDLER` if the body has passed already, or the peer takes no changes of it; `ERR_INVALID_STATE` if the
   * agent has not announced this body
   */
  apply(decision: Decision, context: EventContext, event: ProxyEvent): Decision | Promise<Decision> {
    const { bodyChange } = context;
    const message = event.type === 'requestHeaders' ? context.request : context.response;
    if (bodyChange === undefined || message === undefined || decision.verdict.type !== 'allow') return decision;
    const { reader } = message;
    if (reader?.used === true) return changeRead(decision, bodyChange, message, reader);
    // told at the first decision, not at the first message that has a body
    message.checkAnnounced(
      `allow().${bodyChange.method}(…) of ${event.type === 'requestHeaders' ? 'onRequestHeaders' : 'onResponseHeaders'}`,
    );
    if (!message.hasBody) return decision;
    const run = message.host.createRun();
    const changing = message.openBody(run);
    const codings = outputOf(bodyChange, message, changing.answers);
    // a decoder is all that gets the pieces of an encoded body
    const isEncoded = !bodyChange.encoded && codingsOf(message.headers).length > 0;
    const pieces = changing.changing(bodyChange.copies || isEncoded);
    this.#follow(run, context, stream(bodyChange, message, changing, pieces, codings));
    return withHeadOps(decision, changing.answers);
  }
}

function outputOf(change: BodyChange, { headers }: Message, answers: BodyAnswers): BodyOutput {
  const charset = /charset\s*=\s*"?([^\s;"]+)/i.exec(headers.get('content-type') ?? '')?.[1];
  if (change.readsText && charset !== undefined && !ASCII_CHARSETS.test(charset))
    throw new AgentwireError('ERR_BODY_ENCODING', 'the charset of the body is none that replaceText() can read');
  return new BodyOutput(change.encoded ? [] : codingsOf(headers), (data) => answers.keep(data));
}

/** Changes a body while it streams: what the transform gives before it asks for more answers the piece before. */
async function stream(
  change: BodyChange,
  { headers }: Message,
  reader: BodyReader,
  pieces: AsyncGenerator<Uint8Array, undefined>,
  output: BodyOutput,
): Promise<Decision> {
  const source = async function* (): AsyncGenerator<Uint8Array, undefined> {
    for await (const piece of pieces) {
      yield piece;
      await output.flush();
    }
  };
  await output.writeAll(change.transform(change.encoded ? source() : decodedBody(source(), headers)));
  await output.end();
  // a transform that ended before the body drops the rest of it
  await reader.dropRest();
  return ALLOW;
}

/** Changes a body that the handler has read whole and held. */
async function changeRead(
  decision: Decision,
  change: BodyChange,
  message: Message,
  reader: BodyReader,
): Promise<Decision> {
  const { answers } = reader;
  if (answers.mode !== 'hold' || !reader.ended) {
    const what = 'the body that it changes has passed already; read it with await request.bytes({ hold: true })';
    throw new AgentwireError('ERR_HANDLER', what);
  }
  const held = answers.take();
  const output = outputOf(change, message, answers);
  await output.writeAll(change.transform(change.encoded ? once(held) : decodedBody(once(held), message.headers)));
  await output.end();
  answers.owe();
  return decision;
}
