import { parseGatewayFile } from '@agentwire/gateway/config-file';
import { expect, test } from 'vitest';
import { BROKEN, context } from './support/broken-files.ts';

test('broken files are refused with file, line, key and what is allowed there', async () => {
  const pages = BROKEN.map((text, at) => {
    let message = 'is taken';
    try {
      parseGatewayFile(text, 'a.yaml', ['unix', 'tcp'], context);
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message, text).toMatch(/^[a-z]+\.yaml:\d+/);
    return `# ${at + 1}\n${text.trimEnd().replaceAll(/^/gm, '    ')}\n=> ${message}\n`;
  });
  await expect(pages.join('\n')).toMatchFileSnapshot('broken-files.txt');
});

test('variables and included files are taken', () => {
  const text = `include: [routes.yaml]\nlisten: 127.0.0.1:\${PORT}\ngateway:\n  maxHeaders: \${MAX:-50}\n  logQuery: \${EMPTY:-true}\nadminHosts: ["a\${NOPE:-}"]\n`;
  const fixed = { ...context, read: () => 'upstream: "http://$${h}"\n'.replace('$${h}', 'h') };
  expect(parseGatewayFile(text, 'dir/a.yaml', undefined, fixed)).toEqual({
    upstream: 'http://h',
    listen: '127.0.0.1:8080',
    gateway: { maxHeaders: 50, logQuery: true },
    adminHosts: ['a'],
  });
});
