import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const fileOf = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Set where Prometheus and its tool are installed (Debian: `apt install prometheus`). */
export const hasPrometheus = ['prometheus', 'promtool'].every((tool) => spawnSync(tool, ['--version']).status === 0);

/** Checks the alerts and runs their tests. @returns names of the alerts that fired in a test */
export function checkAlerts(): string[] {
  const rules = fileOf('prometheus/alerts.yaml');
  execFileSync('promtool', ['check', 'rules', rules], { stdio: 'pipe' });
  execFileSync('promtool', ['test', 'rules', fileOf('prometheus/alerts.test.yaml')], { stdio: 'pipe' });
  const tests = readFileSync(fileOf('prometheus/alerts.test.yaml'), 'utf8');
  const alerts = [...readFileSync(rules, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
  for (const name of alerts) if (!tests.includes(`alertname: ${name}`)) throw new Error(`no test fires ${name}`);
  return alerts;
}

/** Queries of the dashboard with its variables filled in. */
export function dashboardQueries(): { readonly panel: string; readonly query: string }[] {
  const { panels } = JSON.parse(readFileSync(fileOf('grafana/dashboard.json'), 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      panel: title,
      query: expr.replaceAll('$__rate_interval', '5s').replaceAll('$agent', '.*'),
    })),
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Prometheus that scrapes targets every second. */
export interface Prometheus {
  /** Returns the number of series that a query gives now. */
  query(query: string): Promise<number>;
  stop(): Promise<void>;
}

/** Starts Prometheus in a folder. @param targets `HOST:PORT` of admin servers */
export async function startPrometheus(folder: string, targets: readonly string[]): Promise<Prometheus> {
  const port = await freePort();
  const config = join(folder, 'prometheus.yml');
  writeFileSync(
    config,
    `global: { scrape_interval: 1s }\nrule_files: [${fileOf('prometheus/alerts.yaml')}]\nscrape_configs:\n  - job_name: gateway\n    static_configs: [{ targets: ${JSON.stringify(targets)} }]\n`,
  );
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
    ],
    { stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  const url = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 30_000;
  while (
    !(await fetch(`${url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error('prometheus did not start');
    await sleep(100);
  }
  return {
    async query(query) {
      const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(query)}`);
      const body = (await answer.json()) as { status: string; error?: string; data?: { result: unknown[] } };
      if (body.status !== 'success') throw new Error(`${query}: ${body.error}`);
      return body.data?.result.length ?? 0;
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
