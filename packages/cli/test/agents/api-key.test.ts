import { describe, expect, it } from 'vitest';
import apiKey, { createApiKeyAgent } from '../../src/agents/api-key.ts';
import { head, stage } from './play.ts';

describe('api-key', () => {
  it('lets a known key in, names the client and hides the key', async () => {
    const at = await stage(apiKey);
    const decision = await at.session.request(
      head('/', { headers: ['X-API-Key', 'demo-key', 'X-Client-Name', 'root'] }),
    );
    expect(decision).toMatchObject({
      verdict: { type: 'allow' },
      requestHeaders: [
        { op: 'set', name: 'x-client-name', value: 'demo' },
        { op: 'remove', name: 'x-api-key' },
      ],
    });
  });

  it('blocks a wrong key and a doubled one', async () => {
    const at = await stage(apiKey);
    const wrong = await at.session.request(head('/', { headers: ['x-api-key', 'guess'] }));
    expect(wrong.verdict).toMatchObject({ type: 'block', status: 403 });
    const twice = await at.session.request(head('/', { headers: ['x-api-key', 'demo-key', 'x-api-key', 'guess'] }));
    expect(twice.verdict).toMatchObject({ type: 'block', status: 403 });
  });

  it('asks programs for a key and sends browsers to the login page', async () => {
    const at = await stage(createApiKeyAgent({ clients: {}, loginUrl: '/sign-in' }));
    const program = await at.session.request(head('/api'));
    expect(program.verdict).toEqual({ type: 'challenge', challengeType: 'ApiKey', params: { header: 'x-api-key' } });
    const browser = await at.session.request(head('/', { headers: ['Accept', 'text/html,*/*'] }));
    expect(browser.verdict).toEqual({ type: 'redirect', url: '/sign-in', status: 302 });
    const page = await at.session.request(
      head('/sign-in', { headers: ['Accept', 'text/html', 'X-Client-Name', 'root'] }),
    );
    expect(page).toMatchObject({
      verdict: { type: 'allow' },
      requestHeaders: [{ op: 'remove', name: 'x-client-name' }],
    });
  });
});
