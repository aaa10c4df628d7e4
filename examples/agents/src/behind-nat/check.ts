import { EventEmitter, once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'agentwire';
import { type Lab, stop } from '../lab.ts';
import { listenForAgents } from './listen-for-agents.ts';

/** An agent that listens nowhere decides on requests; without its token it does not; it comes back after a gateway's restart. */
export async function check(lab: Lab): Promise<void> {
  const warnings = new EventEmitter<{ warn: [string] }>();
  const silent = (): void => {};
  const logger: Logger = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (_fields, text) => warnings.emit('warn', text),
  };
  const tokens = { 'nat-1': ['this-months-token', 'last-months-token'], 'nat-2': 'token-of-another-agent' };
  let listeners = await listenForAgents(lab.pool, ['ws://127.0.0.1:0/agents', 'tcp://127.0.0.1:0'], tokens, logger);
  const addresses = listeners.map(({ address }) => address);
  const url = await lab.gateway(
    ({ headers }, response) => response.end(headers['x-checked'] ?? 'unchecked'),
    ['nat-1'],
  );
  const ask = async (path: string): Promise<string> => {
    const response = await fetch(url + path);
    return `${response.status} ${(await response.text()).trim()}`;
  };
  const args = (token: string, to: readonly string[]): string[] => {
    const file = join(lab.folder, token);
    writeFileSync(file, token, { mode: 0o600 });
    return [...to.flatMap((address) => ['--reverse', address]), '--id', 'nat-1', '--token-file', file];
  };

  for (const [at, token] of ['guessed-token', 'token-of-another-agent'].entries()) {
    const refused = once(warnings, 'warn') as Promise<[string]>;
    const wrong = lab.start('behind-nat', args(token, addresses.slice(at, at + 1)));
    lab.say(`with ${token}: ${(await refused)[0]}`);
    lab.check(
      'a wrong token is refused',
      listeners.every(({ connectionCount }) => connectionCount === 0),
    );
    await stop(wrong);
  }
  const none = await ask('/');
  lab.say(`without the agent: ${none}`);
  lab.check('without the agent nothing passes', none.startsWith('5'));

  for (const address of addresses) {
    const agent = await lab.run('behind-nat', args('last-months-token', [address]));
    const answers = [await ask('/'), await ask('/internal/users')];
    lab.say(`${address.replace(/\d+(?=\/|$)/, 'PORT')}: ${answers.join(', ')}`);
    lab.check('the agent decides', answers.join() === '200 yes,403 Not from outside.');
    await stop(agent);
  }

  await lab.run('behind-nat', args('this-months-token', addresses));
  // the gateway goes away with its connections, and another one takes its place
  await Promise.all(listeners.map((listener) => listener.close()));
  await lab.pool.removeAgent('nat-1');
  const gone = await ask('/');
  listeners = await listenForAgents(lab.pool, addresses, tokens, logger);
  let back = gone;
  for (const until = performance.now() + 20_000; back !== '200 yes' && performance.now() < until;)
    back = await ask('/');
  lab.say(`without the gateway's listener: ${gone}; with a new one: ${back}`);
  lab.check('the agent comes back by itself', gone.startsWith('5') && back === '200 yes');
  await Promise.all(listeners.map((listener) => listener.close()));
}
