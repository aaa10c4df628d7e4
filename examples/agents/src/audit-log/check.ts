import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, stop } from '../lab.ts';

/** Every request has its line, without secrets; an aborted one too; an agent that cannot write refuses requests. */
export async function check(lab: Lab): Promise<void> {
  const file = join(lab.folder, 'audit.jsonl');
  const agent = await lab.agent('audit-log', { AUDIT_FILE: file });
  const waiting = Promise.withResolvers<void>();
  const url = await lab.gateway(
    (request, response) => {
      if (request.url === '/slow') return waiting.resolve();
      request.resume().on('end', () => response.writeHead(request.url === '/missing' ? 404 : 200).end('hello'));
    },
    ['audit-log'],
  );

  const headers = { authorization: 'Bearer very-secret' };
  await (await fetch(`${url}/a?token=query-secret`, { headers })).text();
  await (await fetch(`${url}/missing`, { method: 'POST', body: 'body-secret', headers })).text();
  const leave = new AbortController();
  const left = fetch(`${url}/slow`, { signal: leave.signal }).catch(() => 'left');
  await waiting.promise;
  leave.abort();
  await left;
  await stop(agent); // a drain: what is open is answered, and the file is written
  const text = readFileSync(file, 'utf8');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const line of lines) lab.say(JSON.stringify(line));
  const [first, second, third] = lines;
  lab.check('three requests, three lines', lines.length === 3);
  lab.check('with path and status', first?.['path'] === '/a' && first['status'] === 200 && second?.['status'] === 404);
  lab.check('and sizes', second?.['requestBodySize'] === 11 && second['responseBodySize'] === 5);
  lab.check(
    'the one that was left is there too',
    third?.['path'] === '/slow' && ('cancelled' in third || third['status'] !== 200),
  );
  lab.check(
    'one credential has one fingerprint',
    first?.['credential'] === second?.['credential'] && first?.['credential'] !== undefined,
  );
  lab.check('no secret is in the file', !text.includes('secret'));
  lab.check('others cannot read the file', (statSync(file).mode & 0o077) === 0);

  // a folder is no file to write to
  const folder = join(lab.folder, 'folder');
  mkdirSync(folder);
  await lab.run('audit-log', ['--listen', `unix:${join(lab.folder, 'second.sock')}`], { AUDIT_FILE: folder });
  await lab.pool.removeAgent('audit-log');
  await lab.pool.addAgent('audit-log', `unix:${join(lab.folder, 'second.sock')}`);
  const refused = await fetch(url);
  lab.check(
    'an agent that cannot write its log refuses',
    refused.status === 503 && (await refused.text()) === 'Try again.\n',
  );
}
