import { envoy } from './envoy.ts';
import { haproxy } from './haproxy.ts';
import { nginx } from './nginx.ts';
import type { OtherProxy } from './other-proxy.ts';
import { zentinel } from './zentinel.ts';

/** Proxies that are no programs of Node, by the ids of their rows. */
export const OTHERS: Readonly<Record<string, OtherProxy>> = {
  'nginx-auth-request': nginx,
  'haproxy-spoe': haproxy,
  'envoy-ext-proc': envoy,
  zentinel,
};
