// The gateway, in a process of its own. Arguments: the agent's endpoint, the upstream's address.
import { createAgentPool, createGateway } from 'agentwire';
import { reportMemory } from './memory.ts';

const [endpoint = '', upstream = ''] = process.argv.slice(2);

const pool = createAgentPool();
await pool.addAgent('upload-scanner', endpoint);
const gateway = createGateway({
  pool,
  upstream,
  agents: ['upload-scanner'],
  requestBody: 'buffer',
  maxHeldBodyBytes: 1024 ** 3,
});
const url = await gateway.listen();
process.once(
  'SIGTERM',
  () =>
    void gateway
      .drain()
      .then(() => pool.drain())
      .then(() => process.exit()),
);
reportMemory(url);
