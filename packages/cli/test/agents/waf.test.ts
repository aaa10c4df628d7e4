import { describe, expect, it } from 'vitest';
import waf from '../../src/agents/waf.ts';
import { chunk, head, stage } from './play.ts';

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
});
