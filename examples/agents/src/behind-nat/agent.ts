// Agent in a network that accepts no connections. Nothing here is about that: the command line dials the gateway.
//   agentwire agent agent.ts --reverse wss://gateway.example/agents --id nat-1 --token-file token.txt
import { type Agent, allow, block, defineAgent } from 'agentwire';

const behindNat: Agent = defineAgent({
  name: 'behind-nat',
  version: '1.0.0',
  onRequestHeaders({ path }) {
    if (path.startsWith('/internal')) return block(403, 'Not from outside.\n');
    return allow().setRequestHeader('x-checked', 'yes');
  },
});

export default behindNat;
