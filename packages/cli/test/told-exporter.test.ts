import type { Logger } from '@agentwire/core';
import { expect, test } from 'vitest';
import { toldExporter } from '../src/told-exporter.ts';

test('spans that could not be sent are told in the log, and the SDK gets the outcome', async () => {
  const lines: unknown[] = [];
  const note = (...line: unknown[]): void => void lines.push(line);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const outcomes = [{ code: 0 }, { code: 1, error: new Error('connect ECONNREFUSED 127.0.0.1:1') }];
  const calls: string[] = [];
  const exporter = toldExporter(
    {
      export: (spans, done) => done(outcomes[spans as number] ?? { code: 1 }),
      shutdown: () => Promise.resolve(void calls.push('shutdown')),
    },
    logger,
  );
  const got: unknown[] = [];
  for (const at of [0, 1]) exporter.export(at, (result) => got.push(result));
  expect(got).toEqual(outcomes);
  expect(lines).toEqual([
    [{ reason: 'connect ECONNREFUSED 127.0.0.1:1' }, 'spans could not be sent to the OTLP receiver, and are lost'],
  ]);
  await exporter.forceFlush?.();
  await exporter.shutdown();
  expect(calls).toEqual(['shutdown']);
});
