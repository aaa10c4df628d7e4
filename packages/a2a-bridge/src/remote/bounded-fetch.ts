import { AgentwireError } from '@agentwire/core';

/** Bounds of what is fetched from a remote agent. */
export interface BoundedFetchOptions {
  /** Origins that may be asked. */
  readonly origins: ReadonlySet<string>;
  /** Headers of every request. */
  readonly headers: () => Readonly<Record<string, string>>;
  /** Bytes of one response. */
  readonly maxBytes: number;
}

/** A `fetch` that asks known origins only, follows no redirect and reads a bounded body. @throws AgentwireError `ERR_INVALID_ADDRESS` */
export function boundedFetch({ origins, headers, maxBytes }: BoundedFetchOptions): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    // an agent card says where its agent is asked; it must not make this process send its headers to another host.
    if (!origins.has(url.origin)) {
      throw new AgentwireError(
        'ERR_INVALID_ADDRESS',
        `the remote agent is to be asked at ${url.origin}, which is neither its own origin nor in origins`,
      );
    }
    const sent = new Headers(init?.headers);
    for (const [name, value] of Object.entries(headers())) sent.set(name, value);
    const response = await fetch(input, { ...init, headers: sent, redirect: 'error' });
    if (response.body === null) return response;
    let bytes = 0;
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        bytes += chunk.length;
        if (bytes > maxBytes)
          controller.error(
            new AgentwireError('ERR_BODY_TOO_LARGE', `a remote agent answered more than ${maxBytes} bytes`),
          );
        else controller.enqueue(chunk);
      },
    });
    const { status, statusText, headers: got } = response;
    return new Response(response.body.pipeThrough(counted), { status, statusText, headers: got });
  };
}
