import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { formatPermissions, type NodeGrants, nodePermissions } from '@agentwire/a2a-nats';
import type { Say } from './agents.ts';
import type { Solved } from './main.ts';
import type { AgentSettings, FromAgent, ToAgent } from './protocol.ts';

const TEAM: readonly Pick<AgentSettings, 'name' | 'role'>[] = [
  { name: 'auditor', role: 'auditor' },
  { name: 'worker-1', role: 'worker' },
  { name: 'worker-2', role: 'worker' },
  { name: 'planner', role: 'planner' },
];

/** Grants of each role beyond its own node. */
const GRANTS: Readonly<Record<AgentSettings['role'], NodeGrants>> = {
  planner: { services: { call: ['primes', 'audit'] } },
  worker: { services: { serve: ['primes'] }, topics: { publish: ['job.done'] } },
  auditor: { services: { serve: ['audit'] }, topics: { subscribe: ['job.done'] } },
};

/** Starts a NATS server and every agent in a process of its own, lets them work, and stops them again. */
export async function solveOverNats(folder: string, say: Say): Promise<Solved> {
  const secrets = new Map(TEAM.map(({ name }) => [name, makeSecrets(folder, name)]));
  const port = await freePort();
  const server = await startServer(folder, port, secrets);
  const agents: ChildProcess[] = [];
  try {
    for (const member of TEAM) {
      const settings: AgentSettings = {
        ...member,
        servers: `nats://127.0.0.1:${port}`,
        path: join(folder, `${member.name}.ndjson`),
        ...filesOf(secrets, member.name),
      };
      const agent = fork(new URL('./agent-process.ts', import.meta.url), [JSON.stringify(settings)]);
      agents.push(agent);
      agent.on('message', (news: FromAgent) => news.kind === 'say' && say(news.line));
      await hear(agent, 'ready');
    }
    const planner = agents.at(-1);
    if (planner === undefined) throw new Error('there is no planner');
    const solved = hear(planner, 'solved');
    order(planner, { kind: 'go' });
    const { total } = await solved;
    const chains: { path: string; head: string; key: Uint8Array }[] = [];
    for (const [at, agent] of agents.entries()) {
      const stopped = hear(agent, 'stopped');
      order(agent, { kind: 'stop' });
      const { path, head } = await stopped;
      chains.push({ path, head, key: secrets.get(TEAM[at]?.name ?? '')?.key ?? new Uint8Array() });
    }
    return { total, chains };
  } finally {
    for (const agent of agents) agent.kill();
    server.kill();
  }
}

function order(agent: ChildProcess, what: ToAgent): void {
  agent.send(what);
}

/** Waits for one kind of news; an agent that ends without it has failed. */
function hear<K extends FromAgent['kind']>(agent: ChildProcess, kind: K): Promise<Extract<FromAgent, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`an agent ended with ${code} before it was ${kind}`));
    const onMessage = (news: FromAgent): void => {
      if (news.kind !== kind) return;
      agent.off('message', onMessage);
      agent.off('exit', onExit);
      resolve(news as Extract<FromAgent, { kind: K }>);
    };
    agent.on('message', onMessage);
    agent.on('exit', onExit);
  });
}

/** Secrets of one node: the password of its user, and the key of its audit chain. */
interface Secrets {
  readonly password: string;
  readonly key: Uint8Array;
  readonly passwordFile: string;
  readonly keyFile: string;
}

/** Makes the secrets of one node and writes them to files that only this user can read. */
function makeSecrets(folder: string, name: string): Secrets {
  const password = randomBytes(24).toString('base64url');
  const key = new Uint8Array(randomBytes(32));
  const [passwordFile, keyFile] = [join(folder, `${name}.password`), join(folder, `${name}.key`)];
  writeFileSync(passwordFile, password, { mode: 0o600 });
  writeFileSync(keyFile, Buffer.from(key).toString('hex'), { mode: 0o600 });
  return { password, key, passwordFile, keyFile };
}

function filesOf(secrets: ReadonlyMap<string, Secrets>, name: string): Pick<Secrets, 'passwordFile' | 'keyFile'> {
  const { passwordFile = '', keyFile = '' } = secrets.get(name) ?? {};
  return { passwordFile, keyFile };
}

/** A server on which every node publishes under its own name only, and reads and sends only what its role needs. */
async function startServer(folder: string, port: number, secrets: ReadonlyMap<string, Secrets>): Promise<ChildProcess> {
  const users = TEAM.map(
    ({ name, role }) =>
      `{ user: ${name}, pass: "${secrets.get(name)?.password ?? ''}", ${formatPermissions(nodePermissions(name, GRANTS[role]))} }`,
  );
  const file = join(folder, 'nats.conf');
  writeFileSync(file, `listen: "127.0.0.1:${port}"\nauthorization { users: [ ${users.join(', ')} ] }\n`, {
    mode: 0o600,
  });
  const server = spawn('nats-server', ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  server.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(new Error('nats-server is not installed: apt-get install nats-server, or run with --local')),
    );
    server.once('exit', (code) => reject(new Error(`nats-server ended with ${code}`)));
    server.stderr?.on('data', (chunk: Buffer) => chunk.toString().includes('Server is ready') && resolve());
  });
  return server;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
