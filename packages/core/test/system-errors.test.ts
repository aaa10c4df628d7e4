import { createServer } from 'node:net';
import { parseEndpoint } from '@agentwire/core';
import { connectReason, listenError } from '@agentwire/core/internal';
import { expect, onTestFinished, test } from 'vitest';

test('a taken port says so once, with the address, and is not retryable', async () => {
  const owner = createServer();
  await new Promise<void>((resolve) => owner.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void owner.close());
  const { port } = owner.address() as { port: number };
  const other = createServer();
  const error = await new Promise<Error>((resolve) => other.once('error', resolve).listen(port, '127.0.0.1'));
  const { code, message, retryable, cause } = listenError(error, `127.0.0.1:${port}`);
  expect([code, message, retryable, cause]).toEqual([
    'ERR_CONNECT',
    `cannot listen on 127.0.0.1:${port}: another process listens there (EADDRINUSE)`,
    false,
    error,
  ]);
});

test('an error that is not of the system keeps its text', () => {
  expect(listenError(new Error('no such certificate'), 'tls://h:1').message).toBe(
    'cannot listen on tls://h:1: no such certificate',
  );
  expect(listenError('gone', 'h:1').message).toBe('cannot listen on h:1: gone');
});

test.each([
  ['ECONNREFUSED', 'nothing listens there; is the other side running?'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'tls.ca (--tls-ca on the command line)'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'tls.ca (--tls-ca on the command line)'],
  ['constructor', undefined],
])('%s says what to do', (code, reason) => {
  const found = connectReason(Object.assign(new Error('x'), { code }));
  if (reason === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(reason);
});

test('an endpoint that is missing, or whose port is too large, is told so', () => {
  expect(() => parseEndpoint(undefined as never)).toThrow('the endpoint is missing; use unix:PATH');
  expect(() => parseEndpoint('tcp://h:70000')).toThrow('the port 70000 is too large, the largest is 65535');
});
