import { allow, defineAgent, serveAgent } from '@agentwire/agent';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { certificates } from '../../../../packages/transport-uds/test/certificates/certificates.ts';

// Agents a-1, a-2 … that register with a proxy and come back by themselves.

const [, , address = '', count = '1', connections = '1', token = ''] = process.argv;
const agent = defineAgent({ name: 'many', version: '1', onRequestHeaders: () => allow().withTag('n:back') });
const transports = [createUdsTransport(), createTcpTransport({ tls: certificates })];
for (let at = 1; at <= Number(count); at++)
  await serveAgent(agent, {
    transports,
    reverse: [{ address, agentId: `a-${at}`, token, connections: Number(connections) }],
  });
