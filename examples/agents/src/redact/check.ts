import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { brotliCompressSync, createGzip, gzipSync } from 'node:zlib';
import type { Lab } from '../lab.ts';

const SECRET = 'Ada <ada.lovelace@mail.example.org> paid order 1234567890123 with 4111 1111 1111 1111, thanks.\n';
const CLEAN = 'Ada <[email]> paid order 1234567890123 with [card 1111], thanks.\n';
/** More text than the longest match has: the agent keeps that much back. */
const FILLER = 'Nothing to see here.\n'.repeat(50);

/** Bytes one by one: every border between chunks there can be. */
async function bytewise(response: ServerResponse): Promise<void> {
  for (const byte of Buffer.from(SECRET)) {
    if (!response.write(Buffer.of(byte))) await once(response, 'drain');
  }
  response.end();
}

/** Personal data is taken out wherever the text is cut and however it is encoded, while the response streams. */
export async function check(lab: Lab): Promise<void> {
  await lab.agent('redact');
  /** Resolves when the client has got the first half. */
  const firstHalf = Promise.withResolvers<void>();
  const seen: Partial<IncomingMessage['headers']>[] = [];
  const upstream: Record<string, (response: ServerResponse) => void | Promise<void>> = {
    '/bytes': bytewise,
    '/gzip': (response) => void response.setHeader('content-encoding', 'gzip').end(gzipSync(SECRET.repeat(1000))),
    '/br': (response) => void response.setHeader('content-encoding', 'br').end(brotliCompressSync(SECRET)),
    '/stream': async (response) => {
      const gzip = createGzip();
      gzip.pipe(response.setHeader('content-encoding', 'gzip'));
      gzip.write(`${SECRET}${FILLER}Now 4111 11`);
      gzip.flush();
      await firstHalf.promise;
      gzip.end('11 1111 1111 again, and ada@exam');
    },
    '/beside': (response) => void response.end('1234 4111-1111-1111-1111 5 1234567890123'),
    '/image': (response) => void response.setHeader('content-type', 'image/png').end(SECRET),
    '/odd': (response) => void response.setHeader('content-encoding', 'x-secret').end(SECRET),
  };
  const url = await lab.gateway(
    (request, response) => {
      seen.push(request.headers);
      response.setHeader('content-type', 'text/plain; charset=utf-8').setHeader('etag', '"1"');
      void upstream[request.url ?? '']?.(response);
    },
    ['redact'],
  );

  const bytes = await fetch(`${url}/bytes`, { headers: { range: 'bytes=10-' } });
  const text = await bytes.text();
  lab.say(`byte by byte: ${text.trim()}`);
  lab.check('a match that is cut anywhere is found', text === CLEAN);
  lab.check('the etag of the old text is gone', bytes.headers.get('etag') === null);
  lab.check('the upstream was asked for all of it', seen[0]?.range === undefined);

  const gzip = await fetch(`${url}/gzip`);
  lab.check('1 000 lines in gzip are clean', (await gzip.text()) === CLEAN.repeat(1000));
  lab.check('and still in gzip', gzip.headers.get('content-encoding') === 'gzip');
  lab.check('brotli is clean too', (await (await fetch(`${url}/br`)).text()) === CLEAN);

  const beside = await (await fetch(`${url}/beside`)).text();
  lab.check('a card is found between other numbers', beside === '1234 [card 1111] 5 1234567890123');

  let live = '';
  let beforeEnd = '';
  const { body } = await fetch(`${url}/stream`);
  for await (const piece of body?.pipeThrough(new TextDecoderStream()) ?? []) {
    live += piece;
    if (live.includes('thanks') && beforeEnd === '') {
      beforeEnd = live;
      firstHalf.resolve();
    }
  }
  lab.say(`streamed: ${JSON.stringify(beforeEnd.slice(0, CLEAN.length))} came before the upstream had ended`);
  lab.check(
    'text arrives while the upstream still writes',
    beforeEnd.startsWith(CLEAN) && !beforeEnd.includes('again'),
  );
  lab.check('the number that was cut there is found', live === `${CLEAN}${FILLER}Now [card 1111] again, and ada@exam`);

  lab.check('what is no text passes as it is', (await (await fetch(`${url}/image`)).text()) === SECRET);
  const odd = await fetch(`${url}/odd`);
  lab.check('a coding that cannot be undone does not pass', !(await odd.text()).includes('4111') && odd.status >= 400);
}
