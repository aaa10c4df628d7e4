import { hasProgram } from '../../run/processes.ts';
import type { OtherProxy, Place } from './other-proxy.ts';

function configuration({ folder, port, upstreamPort, agentPath }: Place): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${folder};`);
  return `daemon off;
master_process off;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 100000000;
${paths.join('\n')}
  upstream backend { server 127.0.0.1:${upstreamPort}; keepalive 128; keepalive_requests 100000000; }
  upstream agent { server unix:${agentPath}; keepalive 128; keepalive_requests 100000000; }
  proxy_http_version 1.1;
  server {
    listen 127.0.0.1:${port};
    location / {
      auth_request /judge;
      auth_request_set $agent $upstream_http_x_agent;
      proxy_set_header connection "";
      proxy_set_header x-agent $agent;
      proxy_pass http://backend;
    }
    location = /judge {
      internal;
      proxy_pass_request_body off;
      proxy_set_header connection "";
      proxy_set_header content-length "";
      proxy_set_header x-original-uri $request_uri;
      proxy_pass http://agent;
    }
  }
}
`;
}

/** nginx with one worker, and `auth_request` to an HTTP server on node:http. */
export const nginx: OtherProxy = {
  missing: () => (hasProgram('nginx') ? undefined : 'nginx (Debian: nginx)'),
  async start(place) {
    const agent = await place.nodeAgent('authorize');
    const file = place.write('nginx.conf', configuration(place));
    const proxy = await place.proxy(['nginx', '-e', 'stderr', '-p', place.folder, '-c', file]);
    return { proxy, agents: [agent] };
  },
};
