/** Differences between the proxies that are started here. */
export interface ProxySettings {
  /** Port for HTTP requests. */
  readonly port: number;
  readonly upstreamPort: number;
  /** Medium to the agent. */
  readonly medium: Medium;
  /** A path, or `host:port`. */
  readonly agentAt: string;
  /** Events that it sends. */
  readonly events: readonly string[];
  /** Leaves the circuit breaker of the upstream as it is by default. */
  readonly defaultBreaker?: boolean | undefined;
}

/** Medium between proxy and agent. */
export type Medium = 'uds' | 'grpc';

const filter = (mode: string): string =>
  `    filter "ask-${mode}" {\n        type "agent"\n        agent "agentwire"\n        failure-mode "${mode}"\n    }\n`;

/** A configuration as `docs/zentinel.md` has it, with a second route that fails open. */
export function configuration(settings: ProxySettings): string {
  const { port, upstreamPort, medium, agentAt, events, defaultBreaker = false } = settings;
  const breaker = '\n        circuit-breaker {\n            failure-threshold 1000000\n        }';
  return `schema-version "1.0"
system {
    worker-threads 2
}
listeners {
    listener "http" {
        address "127.0.0.1:${port}"
        protocol "http"
        default-route "closed"
    }
}
upstreams {
    upstream "backend" {
        target "127.0.0.1:${upstreamPort}"${defaultBreaker ? '' : breaker}
    }
}
agents {
    agent "agentwire" type="custom" {
        ${medium === 'uds' ? `unix-socket "${agentAt}"` : `grpc "http://${agentAt}"`}
        timeout-ms 1000
        events ${events.map((event) => `"${event}"`).join(' ')}
        circuit-breaker {
            failure-threshold 50
            success-threshold 1
            timeout-seconds 2
            half-open-max-requests 10
        }
    }
}
waf {
    mode "off"
    body-inspection {
        inspect-request-body #true
        max-inspection-bytes 1048576
    }
}
filters {
${filter('closed')}${filter('open')}}
routes {
    route "open" {
        priority 100
        matches {
            header name="x-mode" value="open"
        }
        upstream "backend"
        filters "ask-open"
    }
    route "closed" {
        priority 10
        matches {
            path-prefix "/"
        }
        upstream "backend"
        filters "ask-closed"
    }
}
`;
}
