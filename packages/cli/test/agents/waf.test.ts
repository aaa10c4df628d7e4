import { describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import waf from '../../src/agents/waf.ts';
import { WAF_RULES } from '../../src/agents/waf-rules.ts';
import { plainText } from '../../src/agents/waf-text.ts';
import { chunk, head, stage } from './play.ts';
import { ATTACKS, BENIGN } from './waf-corpus.ts';

describe('waf', () => {
  it.each([
    ['/../../etc/passwd', 'lfi-001', 'lfi'],
    ['/a?file=%2e%2e%2fsecret', 'lfi-001', 'lfi'],
    ['/a?file=%252e%252e%252fsecret', 'lfi-001', 'lfi'],
    ['/a?q=1+UNION+SELECT+password', 'sqli-001', 'sqli'],
    ["/a?q='%20or%201=1", 'sqli-002', 'sqli'],
    ['/a?q=%3Cscript%3Ealert(1)', 'xss-001', 'xss'],
    ['/a?q=%3Cimg%20src=x%20onerror=alert(1)', 'xss-002', 'xss'],
  ])('blocks %s by %s', async (uri, rule, tag) => {
    const at = await stage(waf);
    const decision = await at.session.request(head(uri));
    expect(decision).toMatchObject({
      verdict: { type: 'block', status: 403 },
      audit: { ruleIds: [rule], tags: ['waf', tag] },
    });
  });

  it('blocks scanners and attacks in headers', async () => {
    const at = await stage(waf);
    const bot = await at.session.request(head('/', { headers: ['User-Agent', 'sqlmap/1.8'] }));
    expect(bot.audit?.ruleIds).toEqual(['bot-001']);
    const cookie = await at.session.request(head('/', { headers: ['Cookie', 'a=<script>'] }));
    expect(cookie.audit?.ruleIds).toEqual(['xss-001']);
  });

  it.each(['/', '/a..b/c', '/search?q=union+hall', '/docs?q=select+a+seat', '/it%27s+or+not'])(
    'lets %s pass',
    async (uri) => {
      const at = await stage(waf);
      const decision = await at.session.request(head(uri));
      expect(decision).toMatchObject({
        verdict: { type: 'allow' },
        requestHeaders: [{ op: 'set', name: 'x-waf', value: 'pass' }],
      });
    },
  );

  it('reads a body before it decides, across chunks', async () => {
    const at = await stage(waf);
    const exchange = at.session.open();
    expect((await exchange.ask(head('/', { method: 'POST', hasBody: true }))).needsMore).toBe(true);
    expect((await exchange.ask(chunk(0, 'name=<scr', false))).needsMore).toBe(true);
    const decision = await exchange.ask(chunk(1, 'ipt>', true));
    expect(decision).toMatchObject({ verdict: { type: 'block', status: 403 }, audit: { ruleIds: ['xss-001'] } });
    exchange.end();
    const good = at.session.open();
    await good.ask(head('/', { method: 'POST', hasBody: true }));
    expect((await good.ask(chunk(0, 'name=value', true))).verdict.type).toBe('allow');
    good.end();
  });

  it('blocks a body that is too long to be read', async () => {
    const at = await stage(waf);
    const exchange = at.session.open();
    await exchange.ask(head('/', { method: 'POST', hasBody: true }));
    await exchange.ask(chunk(0, 'a'.repeat(1_048_576), false));
    expect((await exchange.ask(chunk(1, 'a', false))).verdict).toEqual({ type: 'block', status: 413 });
    exchange.end();
  });

  it('blocks every attack of the corpus, and nothing else', async () => {
    const at = await stage(waf);
    const tagOf = async (uri: string): Promise<string> => {
      const { verdict, audit } = await at.session.request(head(uri));
      return verdict.type === 'block' ? (audit?.tags?.[1] ?? '') : 'pass';
    };
    const found = await Promise.all(ATTACKS.map(async ([uri]) => `${uri} ${await tagOf(uri)}`));
    expect(found).toEqual(ATTACKS.map(([uri, tag]) => `${uri} ${tag}`));
    const passed = await Promise.all(BENIGN.map(async (uri) => `${uri} ${await tagOf(uri)}`));
    expect(passed).toEqual(BENIGN.map((uri) => `${uri} pass`));
  });

  const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
  it.each<[string, Uint8Array, readonly string[], string]>([
    ['in gzip', gzipSync('a=<script>'), ['Content-Encoding', 'gzip'], 'xss-001'],
    ['in UTF-16', Buffer.from('a=<script>', 'utf16le'), [], 'xss-001'],
    ['in UTF-16, big-endian', utf16be('a=<script>'), ['Content-Type', 'text/plain; charset=utf-16be'], 'xss-001'],
    ['escaped in JSON', Buffer.from('{"a":"\\u003cscript"}'), ['Content-Type', 'application/json'], 'xss-001'],
    ['in UTF-7', Buffer.from('+ADw-script'), ['Content-Type', 'text/html; charset=utf-7'], 'enc-001'],
  ])('finds an attack %s', async (_what, data, headers, rule) => {
    const at = await stage(waf);
    const exchange = at.session.open();
    await exchange.ask(head('/', { method: 'POST', hasBody: true, headers }));
    const decision = await exchange.ask({ ...chunk(0, '', true), data });
    expect(decision).toMatchObject({ verdict: { type: 'block' }, audit: { ruleIds: [rule] } });
    exchange.end();
  });

  it('blocks a body in no known content-encoding, and a bomb', async () => {
    const at = await stage(waf);
    const answer = async (data: Uint8Array, coding: string): Promise<unknown> => {
      const exchange = at.session.open();
      await exchange.ask(head('/', { method: 'POST', hasBody: true, headers: ['Content-Encoding', coding] }));
      const { verdict } = await exchange.ask({ ...chunk(0, '', true), data });
      exchange.end();
      return verdict;
    };
    expect(await answer(Buffer.from('x'), 'compress')).toEqual({ type: 'block', status: 415 });
    expect(await answer(gzipSync(Buffer.alloc(5_000_000)), 'gzip')).toEqual({ type: 'block', status: 413 });
  });

  it('has patterns whose every repetition is limited, so that their time is linear', () => {
    for (const { id, pattern, inside } of WAF_RULES) {
      const bare = (pattern.source + (inside?.opening.source ?? '')).replaceAll(/\\.|\[[^\]]*\]/g, 'x');
      expect([id, /[*+]|\{\d+,\}/.exec(bare)?.[0]]).toEqual([id, undefined]);
    }
  });

  it('undoes at most five layers of encoding', () => {
    const layers = (count: number): string => `%${'25'.repeat(count)}3c`;
    expect(plainText(layers(4))).toBe('<');
    expect(plainText(layers(6))).toBeUndefined();
  });
});
