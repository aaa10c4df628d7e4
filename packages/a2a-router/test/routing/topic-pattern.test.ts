import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServiceRegistry, TopicRouter } from '../../src/index.ts';
import { checkPattern, checkTopic, patternCovers, topicMatches } from '../../src/internal.ts';
import { RUNS } from '../runs.ts';

const word = fc.constantFrom('a', 'b', 'c');
const topic = fc.array(word, { minLength: 1, maxLength: 4 }).map((words) => words.join('.'));
const pattern = fc
  .tuple(fc.array(fc.oneof(word, fc.constant('*')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([words, rest]) => [...words, ...(rest ? ['>'] : [])].join('.'));

describe('topic patterns', () => {
  it('match as a regular expression of the same meaning does', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(pattern, topic, (wide, name) => {
        const source = wide
          .split('.')
          .map((part) => (part === '*' ? '[^.]+' : part === '>' ? '.+' : part))
          .join('\\.');
        expect(topicMatches(wide, name)).toBe(new RegExp(`^${source}$`).test(name));
      }),
      { numRuns: RUNS },
    );
  });

  it('cover one another only if every topic of the inner is one of the outer', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(pattern, pattern, topic, (outer, inner, name) => {
        if (patternCovers(outer, inner) && topicMatches(inner, name)) expect(topicMatches(outer, name)).toBe(true);
      }),
      { numRuns: RUNS },
    );
    expect(patternCovers('a.>', 'a.*.b')).toBe(true);
    expect(patternCovers('a.*', 'a.>')).toBe(false);
    expect(patternCovers('*.b', 'a.*')).toBe(false);
  });

  it('are checked', () => {
    for (const bad of [
      '',
      'a..b',
      '.a',
      'a.',
      'a.>.b',
      'x'.repeat(2000),
      Array.from({ length: 40 }, () => 'a').join('.'),
    ]) {
      expect(() => checkPattern(bad)).toThrow('is no topic');
    }
    expect(checkTopic('a.b')).toBe('a.b');
    expect(() => checkTopic('a.*')).toThrow('has a wildcard');
  });
});

describe('TopicRouter and ServiceRegistry', () => {
  it('are bounded', () => {
    const topics = new TopicRouter({ maxSubscriptions: 2, maxKeptTopics: 1 });
    topics.subscribe(1, 'a');
    topics.subscribe(1, 'a');
    topics.subscribe(2, 'a');
    expect(() => topics.subscribe(3, 'a')).toThrow(expect.objectContaining({ code: 'ERR_OVERLOADED' }) as Error);
    topics.keep('a', { retain: true });
    expect(() => topics.keep('b', { history: 1 })).toThrow('remember messages already');
    topics.keep('a', {});
    expect(() => topics.keep('b', { history: 1 })).not.toThrow();
    expect(topics.patterns()).toEqual(['a']);
    expect(topics.unsubscribeAll(1)).toEqual(['a']);
    const services = new ServiceRegistry({ maxServices: 1, maxOwners: 1 });
    services.register('s', 1);
    expect(() => services.register('s', 2)).toThrow('owners');
    expect(() => services.register('t', 1)).toThrow('services');
    expect(services.list()).toHaveLength(1);
    expect(() => services.register('', 1)).toThrow('1 to 256');
  });
});
