import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const TOP = fileURLToPath(new URL('../..', import.meta.url));

/** Words and phrases that are out, each with the field's own. */
const OUT: ReadonlyMap<RegExp, string> = new Map([
  [/\bfor ever\b/i, 'without a limit, indefinitely'],
  [/\bg[ai]ve?s? way\b/i, 'evict'],
  [/\bunder way\b/i, 'in flight, pending'],
  [/\bwhoever\b/i, 'the caller, the peer'],
  [/\b(nobody|somebody)\b/i, 'no caller, no peer, a caller'],
  [/\b(stranger|foreign(?!['" ]?key))s?\b/i, 'third-party'],
  [/\b(likes|feels|wordless|deafen\w*)\b/i, 'prefers, reports, without a message, discard input'],
  [/\blets? in\b/i, 'admit, dequeue'],
  [/\bknock(s|ing)?\b/i, 'starts a handshake'],
  [/\bsaid\b/i, 'specified, given, reported'],
  [/\b(the house|rooms|floors?(?!\())\b/i, 'architecture, layer'],
  [/(?<!SO_)\blinger/i, 'busy poll'],
  [/\bhurry|\bhurries/i, 'reconnect now'],
  [/\bowed\b/i, 'still to be sent'],
]);

/** Names that are out: a declaration or a use of them fails. */
const NAMES_OUT =
  /\b(Turns|WaitingLine|OldestFirst|RequestArchive|putAway|bringBack|reviveScope|hurryOne|expectLosses|lossesAreNews|PeerLimits|isOurs|isStranger|Linger)\b/;

/** Names that a comment inside code may begin with. */
const COMMENT_NAMES: ReadonlySet<string> = new Set(
  'Node Zentinel Envoy Linux Windows Express Fastify Koa Hono Prometheus Grafana Unix Date Map Set Promise Buffer'.split(
    ' ',
  ),
);

const files = execFileSync('git', ['ls-files', '-z', '*.ts', '*.mjs', '*.md'], { cwd: TOP, encoding: 'utf8' })
  .split('\0')
  .filter(
    (path) =>
      path !== '' &&
      !path.startsWith('.changeset/') &&
      !path.endsWith('CHANGELOG.md') &&
      !path.startsWith('docs/api/') &&
      !/\/(gen|generated)\//.test(path) &&
      path !== 'test/architecture/words.test.ts',
  );

/** Lines of a file, with numbers; code spans of a page are what a peer or a user writes, so they are left out. */
function lines(path: string): { readonly place: string; readonly text: string }[] {
  return readFileSync(`${TOP}/${path}`, 'utf8')
    .split('\n')
    .map((text, index) => ({
      place: `${path}:${index + 1}`,
      text: path.endsWith('.md') ? text.replaceAll(/`[^`]*`/g, '``') : text,
    }));
}

describe('words', () => {
  test('of another field are not used', () => {
    const found = files.flatMap((path) =>
      lines(path).flatMap(({ place, text }) =>
        [...OUT]
          .filter(([word]) => word.test(text))
          .map(([word, better]) => `${place}: ${word.exec(text)?.[0]} → ${better}`),
      ),
    );
    expect(found).toEqual([]);
  });

  test('that were replaced do not come back as names', () => {
    const found = files
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => lines(path).filter(({ text }) => NAMES_OUT.test(text)))
      .map(({ place, text }) => `${place}: ${NAMES_OUT.exec(text)?.[0]}`);
    expect(found).toEqual([]);
  });

  test('a doc comment begins with a noun or a verb', () => {
    const begins = /\/\*\*\s*(?:\n\s*\*\s*)?(What|Whether|Who|Whoever|Whose|How|Where|Why|When)\b/g;
    const found = files
      .filter((path) => path.endsWith('.ts'))
      .flatMap((path) => {
        const text = readFileSync(`${TOP}/${path}`, 'utf8');
        return [...text.matchAll(begins)].map(
          (match) => `${path}:${text.slice(0, match.index).split('\n').length}: ${match[1]}`,
        );
      });
    expect(found).toEqual([]);
  });

  test('a comment inside code begins in lower case, unless with a name', () => {
    const begins = /^ +\/\/ ([A-Z][a-z]+)\b(?![.(A-Z-])/;
    const found = files
      .filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
      .flatMap((path) =>
        lines(path).filter(
          ({ text }, at, all) =>
            !/^ +\/\/ /.test(all[at - 1]?.text ?? '') && !COMMENT_NAMES.has(begins.exec(text)?.[1] ?? 'Node'),
        ),
      )
      .map(({ place, text }) => `${place}: ${text.trim()}`);
    expect(found).toEqual([]);
  });

  test('one exported class name stands for one thing', () => {
    const seen = new Map<string, string[]>();
    for (const path of files.filter((one) => /^packages\/[^/]+\/src\//.test(one)))
      for (const [, name = ''] of readFileSync(`${TOP}/${path}`, 'utf8').matchAll(
        /^export (?:abstract )?class (\w+)/gm,
      ))
        seen.set(name, [...(seen.get(name) ?? []), path]);
    expect([...seen].filter(([, paths]) => paths.length > 1)).toEqual([]);
  });
});
