import { describe, expect, it } from 'vitest';
import type { NodeLink } from '../src/node-link.ts';
import { Subjects } from '../src/subjects.ts';
import { TopicListening } from '../src/topic-listening.ts';
import { TopicLosses } from '../src/topic-losses.ts';

const TOPICS = 20_000;

/** A node without a connection. */
function listening(): { readonly topics: TopicListening; readonly losses: TopicLosses } {
  const losses = new TopicLosses();
  const listen = (): { unsubscribe: () => void } => ({ unsubscribe: () => undefined });
  const link = { losses, subjects: new Subjects('a2a', 'a'), listen };
  return { topics: new TopicListening(link as unknown as NodeLink, () => undefined), losses };
}

/** Tells whether a gap of nine after what was noted before would count as a loss. */
function isCounted(losses: TopicLosses, topic: string): boolean {
  return losses.note('n', topic, { epoch: 'e', sequence: 11 }) === 9;
}

describe('topics that a node listens to', () => {
  it('are counted anew once no pattern covers them, and only then', async () => {
    const { topics, losses } = listening();
    for (const pattern of ['t.a', 't.b', 't.*', 'u.>']) topics.listen(pattern, true);
    for (const topic of ['t.a', 't.b', 't.c', 'u.x.y']) losses.note('n', topic, { epoch: 'e', sequence: 1 });
    topics.listen('t.b', false);
    topics.listen('u.>', false);
    topics.listen('t.*', false);
    topics.listen('t.c', true);
    await Promise.resolve();
    expect(['t.a', 't.b', 't.c', 'u.x.y'].map((topic) => isCounted(losses, topic))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('cost the same to leave, however many there are', async () => {
    const { topics, losses } = listening();
    for (let at = 0; at < TOPICS; at += 1) {
      topics.listen(`t.${at}`, true);
      topics.listen(`w.${at}.*`, true);
      losses.note('n', `t.${at}`, { epoch: 'e', sequence: 1 });
      losses.note('n', `w.${at}.x`, { epoch: 'e', sequence: 1 });
    }
    const before = process.cpuUsage();
    for (let at = 0; at < TOPICS; at += 1) {
      topics.listen(`t.${at}`, false);
      topics.listen(`w.${at}.*`, false);
    }
    await Promise.resolve();
    const { user, system } = process.cpuUsage(before);
    // a walk over all topics for each of them takes minutes
    expect((user + system) / 1000).toBeLessThan(5000);
    expect(isCounted(losses, 't.7') || isCounted(losses, 'w.7.x')).toBe(false);
  });
});
