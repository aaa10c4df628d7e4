import { expect, test } from 'vitest';
import { judgeSamples, type Sample } from '../src/rows/r18-soak.ts';

const MB = 1e6;

/** Samples of 8 minutes, four a minute. @param rssOf memory after so many looks, in MB @param liveOf what is live of it */
function samplesOf(rssOf: (look: number) => number, liveOf: (look: number) => number = () => 30): Sample[] {
  return Array.from({ length: 32 }, (_, look) => ({
    minute: 2 + look / 4,
    rssBytes: rssOf(look) * MB,
    youngBytes: 20 * MB,
    heapBytes: liveOf(look) * MB,
  }));
}

test('memory that grows in a few steps is pages that V8 took, and memory that grows all the time is a leak', () => {
  expect(
    judgeSamples(
      'a',
      samplesOf((look) => (look < 4 ? 120 : look < 15 ? 135 : 140)),
    ),
  ).toEqual([]);
  expect(
    judgeSamples(
      'a',
      samplesOf((look) => 120 + look / 2),
    ),
  ).toEqual(['a went from 100 to 116 MB, 14 of it bit by bit']);
  expect(
    judgeSamples(
      'a',
      samplesOf((look) => 120 + Math.floor(look / 5) * 4),
    ),
  ).not.toEqual([]);
});

test('a heap that grows by more than half a MiB a minute is a leak, however much memory there is', () => {
  expect(
    judgeSamples(
      'a',
      samplesOf(
        () => 120,
        (look) => 30 + look / 5,
      ),
    ),
  ).toEqual([expect.stringMatching(/^the heap of a grows by 0\.76 MiB a minute$/)]);
});
