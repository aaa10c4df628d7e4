import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { OtherProxy, Place } from './other-proxy.ts';

const interop = (path: string): string => fileURLToPath(new URL(`../../../../interop/${path}`, import.meta.url));
const BINARY = interop('proxy/target/bin/zentinel');
const AGENT = interop('rust/bin-json/agent');

const configuration = ({ port, upstreamPort, agentPath }: Place): string => `schema-version "1.0"
system {
    worker-threads 1
}
listeners {
    listener "http" {
        address "127.0.0.1:${port}"
        protocol "http"
        default-route "all"
    }
}
upstreams {
    upstream "backend" {
        target "127.0.0.1:${upstreamPort}"
        // clients that leave before their answer count as failures of the upstream, as those of wrk do when a round ends: by
        // default three in a row make it answer 500 to everyone for 30 s
        circuit-breaker {
            failure-threshold 1000000
        }
    }
}
agents {
    agent "bench" type="custom" {
        unix-socket "${agentPath}"
        timeout-ms 5000
        events "request_headers"
    }
}
filters {
    filter "ask" {
        type "agent"
        agent "bench"
        failure-mode "closed"
    }
}
routes {
    route "all" {
        priority 10
        matches {
            path-prefix "/"
        }
        upstream "backend"
        filters "ask"
    }
}
`;

/** The released Zentinel proxy with one thread, and the Rust crate's reference agent. */
export const zentinel: OtherProxy = {
  missing() {
    const parts = [
      existsSync(BINARY) ? [] : ['the Zentinel proxy (pnpm interop:proxy builds it, in about 16 minutes)'],
      existsSync(AGENT) ? [] : ["the crate's agent (tools/interop/rust/build.sh; needs cargo and protoc)"],
    ].flat();
    return parts.length === 0 ? undefined : parts.join(' and ');
  },
  async start(place) {
    const agent = await place.agent([AGENT, '--uds', place.agentPath]);
    const file = place.write('zentinel.kdl', configuration(place));
    const proxy = await place.proxy([BINARY, '-c', file, 'run']);
    return { proxy, agents: [agent] };
  },
};
