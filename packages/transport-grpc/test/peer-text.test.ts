import { AgentwireError } from '@agentwire/core';
import { expect, test } from 'vitest';
import { fromGrpcStatus, peerText, toGrpcMessage } from '../src/errors/http2-errors.ts';

test('what a peer says arrives in its own letters, and what would act on a terminal is escaped', () => {
  const sent = 'přístup odepřen: 日本\n\u001B[31m\u202E';
  const shown = 'přístup odepřen: 日本\\u{a}\\u{1b}[31m\\u{202e}';
  expect(peerText(sent)).toBe(shown);
  const status = toGrpcMessage(new AgentwireError('ERR_UNAUTHORIZED', sent));
  expect(fromGrpcStatus(16, status, 'the agent')?.message).toContain(`: ${shown}`);
  // cut between the halves of a pair
  expect(peerText(`${'x'.repeat(255)}😀`)).toBe(`${'x'.repeat(255)}\uFFFD`);
});
