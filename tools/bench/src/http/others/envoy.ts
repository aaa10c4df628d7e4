import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { OtherProxy, Place } from './other-proxy.ts';

const here = (path: string): string => fileURLToPath(new URL(`../../../envoy/${path}`, import.meta.url));
const BINARY = here('.packages/envoy/_bin/envoy');
const PROCESSOR = here('.bin/ext-proc');

const V3 = 'type.googleapis.com/envoy.extensions';
const MANAGER = `${V3}.filters.network.http_connection_manager.v3.HttpConnectionManager`;
const HTTP_OPTIONS = `${V3}.upstreams.http.v3.HttpProtocolOptions`;

const cluster = (name: string, address: object, more: object = {}): object => ({
  name,
  type: 'STATIC',
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  ...more,
});
const tcp = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

function manager(): object {
  const filter = {
    '@type': `${V3}.filters.http.ext_proc.v3.ExternalProcessor`,
    grpc_service: { envoy_grpc: { cluster_name: 'agent' }, timeout: '5s' },
    processing_mode: { request_header_mode: 'SEND', response_header_mode: 'SKIP' },
  };
  return {
    '@type': MANAGER,
    stat_prefix: 'bench',
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'upstream' } }] },
      ],
    },
    http_filters: [
      { name: 'ext_proc', typed_config: filter },
      { name: 'router', typed_config: { '@type': `${V3}.filters.http.router.v3.Router` } },
    ],
  };
}

function configuration({ port, upstreamPort, agentPath }: Place): object {
  const http2 = { '@type': HTTP_OPTIONS, explicit_http_config: { http2_protocol_options: {} } };
  return {
    static_resources: {
      listeners: [
        {
          name: 'clients',
          address: tcp(port),
          filter_chains: [{ filters: [{ name: 'http', typed_config: manager() }] }],
        },
      ],
      clusters: [
        cluster('upstream', tcp(upstreamPort)),
        cluster(
          'agent',
          { pipe: { path: agentPath } },
          { typed_extension_protocol_options: { [HTTP_OPTIONS.slice('type.googleapis.com/'.length)]: http2 } },
        ),
      ],
    },
  };
}

/** Envoy with one worker, and an external processor in Go. */
export const envoy: OtherProxy = {
  missing: () =>
    existsSync(BINARY) && existsSync(PROCESSOR)
      ? undefined
      : 'Envoy and its processor (tools/bench/envoy/build.sh; needs python3 with pip, and go)',
  async start(place) {
    const agent = await place.agent([PROCESSOR, place.agentPath]);
    const file = place.write('envoy.json', JSON.stringify(configuration(place)));
    const flags = ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'error'];
    const proxy = await place.proxy([BINARY, ...flags, '-c', file]);
    return { proxy, agents: [agent] };
  },
};
