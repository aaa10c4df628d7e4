import type { HeaderList } from '@agentwire/core';
import type { Pipeline } from '@agentwire/pipeline';
import type { ClientRequest, ClientResponse } from '../client-messages.ts';
import type { ResponseControl } from '../upstream/upstream-messages.ts';
import { UpgradeRequest } from '../websocket/upgrade-request.ts';
import type { ClientWriter } from './client-writer.ts';

/** Consumer of the body of the upstream's response. */
export interface ResponseSink {
  /** @returns whether more may come at once; else the sink resumes the upstream itself */
  write(chunk: Uint8Array): boolean;
  end(): void;
}

/** Request that a response is for, with its agents. */
export interface ResponseContext {
  readonly pipeline: Pipeline;
  readonly request: ClientRequest;
  readonly response: ClientResponse;
}

/** Way of a response to the client, and its end. */
export interface ResponseWay {
  readonly writer: ClientWriter;
  /** Called when the last byte is out. */
  readonly done: () => void;
  readonly fail: (error: Error) => void;
}

/** Returns what frees a chunk; `undefined` where others may have it: agents that observe, and other servers' writers. */
export function releaseOf(
  { pipeline, request }: ResponseContext,
  control: ResponseControl,
): ResponseControl['release'] {
  return pipeline.shadows === undefined && request instanceof UpgradeRequest ? control.release : undefined;
}

/** Sends a head whose body no agent takes. @returns a sink that passes the body as fast as the client reads */
export function passPlain(
  context: ResponseContext,
  way: ResponseWay,
  status: number,
  headers: HeaderList,
  control: ResponseControl,
): ResponseSink {
  const { writer } = way;
  writer.head(status, headers);
  const release = releaseOf(context, control);
  let listens = false;
  return {
    write: (chunk) => {
      const keepsUp = writer.write(chunk, release);
      // few responses are too long for one write
      if (!keepsUp && !listens) {
        listens = true;
        context.response.on('drain', () => control.resume());
      }
      return keepsUp;
    },
    end: () => {
      try {
        writer.end(way.done);
      } catch (error) {
        // a head that HTTP does not allow: the end may have come with it, so that nothing else would tell of it
        way.fail(error as Error);
      }
    },
  };
}
