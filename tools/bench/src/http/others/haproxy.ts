import { hasProgram } from '../../run/processes.ts';
import type { OtherProxy, Place } from './other-proxy.ts';

function configuration({ port, upstreamPort, agentPath }: Place, engine: string): string {
  return `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend clients
  bind 127.0.0.1:${port}
  filter spoe engine bench config ${engine}
  http-request deny unless { var(txn.agent.verdict) -m str allow }
  http-request set-header x-agent %[var(txn.agent.verdict)]
  default_backend upstream
backend upstream
  server upstream 127.0.0.1:${upstreamPort}
backend agents
  mode tcp
  server agent unix@${agentPath}
`;
}

const ENGINE = `[bench]
spoe-agent bench
  messages judge
  option var-prefix agent
  option set-on-error failed
  timeout hello 2s
  timeout idle 60s
  timeout processing 5s
  use-backend agents
spoe-message judge
  args method=method path=url headers=req.hdrs
  event on-frontend-http-request
`;

/** HAProxy with one thread, and a stream processing offload agent (SPOE) in Node that knows no more than this takes. */
export const haproxy: OtherProxy = {
  missing: () => (hasProgram('haproxy') ? undefined : 'HAProxy (Debian: haproxy)'),
  async start(place) {
    const agent = await place.nodeAgent('spop-agent');
    const engine = place.write('spoe.conf', ENGINE);
    const file = place.write('haproxy.conf', configuration(place, engine));
    const proxy = await place.proxy(['haproxy', '-db', '-q', '-f', file]);
    return { proxy, agents: [agent] };
  },
};
