import { readFileSync } from 'node:fs';
import type { Logger } from '@agentwire/core';
import { expect, test, vi } from 'vitest';
import { traceToOtlp } from '../src/otlp.ts';
import { UsageError } from '../src/usage-error.ts';

test('without OpenTelemetry the flag is an error that says what to install, and the variable a line in the log', async () => {
  const lines: string[] = [];
  const note = (_fields: object, message: string): void => void lines.push(message);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const given = { logger, example: 'agentwire gateway' };
  expect(await traceToOtlp(undefined, 'test', given)).toBeUndefined();
  await expect(traceToOtlp('ftp://a', 'test', given)).rejects.toThrow('--otlp takes an http:// or https:// URL');
  const missing = traceToOtlp('http://127.0.0.1:1', 'test', given);
  await expect(missing).rejects.toThrow(UsageError);
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const install = /npm install @opentelemetry\/\S+ @opentelemetry\/\S+/.exec(readme)?.[0] ?? 'a line in the README';
  await expect(missing).rejects.toThrow(`${install} (`);
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', 'http://127.0.0.1:1');
  expect(await traceToOtlp(undefined, 'test', given)).toBeUndefined();
  expect(lines).toEqual(['there are no traces, although the environment names a receiver']);
  vi.stubEnv('OTEL_SDK_DISABLED', 'true');
  expect(await traceToOtlp(undefined, 'test', given)).toBeUndefined();
  expect(lines).toHaveLength(1);
  vi.unstubAllEnvs();
});
