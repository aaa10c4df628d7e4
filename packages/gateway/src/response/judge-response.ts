import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';
import { applyAgentOps, BufferedBody, FilteredSink, type SinkSource } from '@agentwire/pipeline/internal';
import type { ResolvedGatewayOptions } from '../options/resolve-options.ts';
import type { ResponseControl } from '../upstream/upstream-messages.ts';
import { mayHaveBody } from './body-framing.ts';
import { passPlain, releaseOf, type ResponseContext, type ResponseSink, type ResponseWay } from './plain-response.ts';

/** Request whose response is judged. */
export interface JudgeContext extends ResponseContext {
  readonly options: ResolvedGatewayOptions;
  readonly id: string;
}

/** Way of a response that is judged. */
export interface JudgedWay extends ResponseWay {
  /** Set where the body waits for the agents; to be released at the end. */
  buffer: BufferedBody | undefined;
}

/** Asks the agents about the response's head. @returns the sink for its body */
export async function judgeResponse(
  context: JudgeContext,
  way: JudgedWay,
  status: number,
  original: HeaderList,
  control: ResponseControl,
): Promise<ResponseSink> {
  const { pipeline, request, response, id, options } = context;
  const hasBody = !control.headOnly && mayHaveBody(request.method, status, original);
  const { headers, wantBody } = pipeline.judgesResponses
    ? await pipeline.onResponse({ type: 'responseHeaders', id, status, headers: original, hasBody })
    : { headers: applyAgentOps(original, pipeline.responseOps), wantBody: [] };
  if (response.headersSent || response.destroyed)
    throw new AgentwireError('ERR_ABORTED', 'the request has ended while its response was judged');
  if (wantBody.length === 0) return passPlain(context, way, status, headers, control);
  const ops: HeaderOp[] = [];
  const progress = {
    get responseSent(): boolean {
      return sink.headGone;
    },
  };
  const filter = pipeline.responseBody(id, wantBody, ops, progress);
  const buffer = options.responseBody === 'buffer' ? new BufferedBody(options.maxBufferedBodyBytes) : undefined;
  way.buffer = buffer;
  const { clock } = options;
  const { writer, done, fail } = way;
  const source: SinkSource = {
    resume: () => control.resume(),
    get hasMore(): boolean {
      return control.hasMore;
    },
    release: releaseOf(context, control),
  };
  const sink = new FilteredSink({ status, headers, ops, filter, writer, control: source, buffer, clock, done, fail });
  return sink;
}
