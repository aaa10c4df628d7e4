import type { Clock } from '@agentwire/core';
import { CheckFailure } from '../check.ts';

/** HTTP response. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

interface AskOptions {
  readonly body: string | undefined;
  /** Aborts the request. */
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** Sends one HTTP request: a POST of JSON with a body, otherwise a GET. @throws CheckFailure without a response */
export async function ask(url: URL, { body, signal, clock, timeoutMs }: AskOptions): Promise<HttpAnswer> {
  const controller = new AbortController();
  const timer = clock.setTimeout(() => controller.abort(), timeoutMs);
  const abort = (): void => controller.abort();
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const answer = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
      redirect: 'manual',
      signal: controller.signal,
    });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  } catch (error) {
    throw new CheckFailure(`an HTTP request got no answer: ${(error as Error).message}`);
  } finally {
    clock.clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
