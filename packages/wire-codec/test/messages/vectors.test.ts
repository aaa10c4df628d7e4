import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { codecPair, FORMATS, frameOf, readFrame } from './codec-pair.ts';
import { samplesOf, typesOf, WRITABLE } from './samples.ts';

interface Vector {
  readonly name: string;
  readonly frame: string;
}

describe.each(FORMATS)('$dialect $encoding', ({ dialect, encoding }) => {
  const file = new URL(`../vectors/${dialect}-${encoding}.json`, import.meta.url);
  const vectors = new Map((JSON.parse(readFileSync(file, 'utf8')) as Vector[]).map((one) => [one.name, one.frame]));
  const samples = samplesOf(dialect);

  test('has a vector for every message of the dialect', () => {
    expect(typesOf(samples).size).toBe(WRITABLE[dialect]);
    expect([...vectors.keys()]).toEqual(samples.map((sample) => sample.name));
  });

  test.each(samples)('writes and reads $name', ({ name, from, message }) => {
    const pair = codecPair(dialect, encoding);
    const frame = Buffer.from(vectors.get(name) ?? '', 'hex');
    expect(frameOf(pair[from], message).toString('hex')).toBe(frame.toString('hex'));
    const received = readFrame(from === 'proxy' ? pair.agent : pair.proxy, frame);
    expect(received).toEqual(expectedOf(message));
  });

  /** Removes the fields that the zentinel dialect does not carry. */
  function expectedOf(message: (typeof samples)[number]['message']): unknown {
    return {
      ...message,
      ...('data' in message && message.data !== null
        ? {
            data: expect.toSatisfy((data: Uint8Array) =>
              Buffer.from(data).equals(message.data as Uint8Array),
            ) as unknown,
          }
        : {}),
    };
  }
});
