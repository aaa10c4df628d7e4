import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { HeaderList } from '@agentwire/core';
import { TrailerFilter } from '@agentwire/pipeline/internal';
import type { Exchange } from './exchange.ts';
import type { LowerResponse } from './lower-response.ts';
import type { NodeResponse } from './node-messages.ts';
import { headersOf } from './response-head.ts';

/** Trailers of an application's response: kept until its head is sent, then passed where they say nothing that the head says or agents have decided. */
export class ResponseTrailers {
  readonly #response: NodeResponse;
  readonly #addTrailers: LowerResponse['addTrailers'];
  readonly #filter = new TrailerFilter();
  #lines: string[] = [];
  #passes = false;
  /** Head as the application wrote it. */
  head: HeaderList = [];

  constructor(response: NodeResponse, { addTrailers }: LowerResponse, { pipeline }: Exchange) {
    this.#response = response;
    this.#addTrailers = addTrailers;
    pipeline.trailers = this.#filter;
    this.#filter.note({ responseHeaders: pipeline.responseOps });
  }

  /** `true` where there is none yet. */
  get empty(): boolean {
    return this.#lines.length === 0;
  }

  /** Adds trailers; over HTTP/2 in place of those of the same name, as node does. @throws TypeError for what no trailer can be, as node does */
  add(lines: readonly string[]): void {
    for (let at = 0; at < lines.length; at += 2) {
      validateHeaderName(lines[at] as string);
      validateHeaderValue(lines[at] as string, lines[at + 1] as string);
    }
    if (this.#response.req.httpVersionMajor > 1) this.#remove(lines);
    this.#lines.push(...lines);
    if (this.#passes) this.pass();
  }

  #remove(lines: readonly string[]): void {
    const names = new Set(lines.flatMap((name, at) => (at % 2 === 0 ? [name.toLowerCase()] : [])));
    this.#lines = this.#lines.filter((_, at) => !names.has((this.#lines[at - (at % 2)] as string).toLowerCase()));
  }

  /** Passes what is there; from here on, {@link add} passes at once. */
  pass(): void {
    this.#passes = true;
    const lines = this.#filter.pass(this.#lines, [...this.head, ...headersOf(this.#response)]);
    const trailers: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
    for (let at = 0; at < lines.length; at += 2) (trailers[lines[at] as string] ??= []).push(lines[at + 1] as string);
    if (lines.length > 0) this.#addTrailers(trailers);
  }
}
