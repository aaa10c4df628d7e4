import { EventEmitter, once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Lab, stop } from '../lab.ts';
import { type Pushed, pushRules } from './push-rules.ts';

const TRAVERSAL = { id: 'lfi', pattern: String.raw`(^|[/\\=])\.\.([/\\]|$)` };
const SCRIPT = { id: 'xss', pattern: String.raw`<\s*script\b` };

/** Rules are in force as soon as their file changes; a wrong file changes nothing; an agent that restarts gets them back. */
export async function check(lab: Lab): Promise<void> {
  const agent = await lab.agent('waf-rules');
  const url = await lab.gateway((_request, response) => response.end('hello'), ['waf-rules']);
  const ask = async (path: string): Promise<string> => {
    const { status, headers } = await fetch(url + path);
    return `${status} ${headers.get('x-rule') ?? ''}`.trim();
  };
  lab.check('without rules nothing passes', (await ask('/')) === '503');

  const file = join(lab.folder, 'rules.json');
  const write = (text: string): void => {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  };
  const pushes = new EventEmitter<{ push: [Pushed] }>();
  const changeTo = async (text: string): Promise<Pushed> => {
    const pushed = once(pushes, 'push') as Promise<[Pushed]>;
    write(text);
    return (await pushed)[0];
  };
  write(JSON.stringify({ version: '1', rules: [TRAVERSAL] }));
  const end = new AbortController();
  await pushRules(lab.pool, 'waf-rules', file, (result) => pushes.emit('push', result), end.signal);

  const before = [await ask('/?f=../passwd'), await ask('/?f=%252e%252e%2fpasswd'), await ask('/?q=%3Cscript%3E')];
  lab.say(`version 1: ${before.join(', ')}`);
  lab.check('version 1 blocks path traversal only', before.join() === '403 lfi,403 lfi,200');

  const second = await changeTo(JSON.stringify({ version: '2', rules: [TRAVERSAL, SCRIPT] }));
  lab.say(`the file changes: ${JSON.stringify(second)}`);
  lab.check('version 2 blocks scripts too', (await ask('/?q=%3Cscript%3E')) === '403 xss');

  for (const text of [
    '{ "version": "3", "rules": [',
    JSON.stringify({ version: '3', rules: [{ id: 'bad', pattern: '(' }] }),
  ]) {
    const refused = await changeTo(text);
    lab.say(`a wrong file: ${JSON.stringify(refused)}`);
    lab.check('a wrong file is refused', 'error' in refused);
  }
  lab.check('and version 2 stays', (await ask('/?q=%3Cscript%3E')) === '403 xss' && (await ask('/')) === '200');

  await stop(agent);
  await lab.run('waf-rules', ['--listen', `unix:${join(lab.folder, 'waf-rules.sock')}`]);
  // until the pool is connected and has sent the rules again, the agent's answer or its failure policy is 503
  let after = await ask('/?q=%3Cscript%3E');
  for (const until = performance.now() + 20_000; after === '503' && performance.now() < until;)
    after = await ask('/?q=%3Cscript%3E');
  lab.check('an agent that restarts gets version 2 back', after === '403 xss');
  end.abort();
}
