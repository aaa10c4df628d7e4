// The agent, in a process of its own. Arguments: the endpoint, then hashes to block.
import { createHash } from 'node:crypto';
import { allow, block, defineAgent, serveAgent } from 'agentwire';
import { reportMemory } from './memory.ts';

const [endpoint = '', ...badHashes] = process.argv.slice(2);
const bad = new Set(badHashes);

const scanner = defineAgent({
  name: 'upload-scanner',
  version: '1.0.0',
  requestBody: true,
  freeChunks: true, // each piece is hashed at once, and none is kept
  async onRequestHeaders(request) {
    if (!request.hasBody) return allow();
    const hash = createHash('sha256');
    for await (const piece of request.body) hash.update(piece);
    const sha256 = hash.digest('hex');
    if (bad.has(sha256)) return block(403, 'This file is known to be bad.\n').withTag('malware').withRule(sha256);
    return allow().setRequestHeader('x-sha256', sha256);
  },
});

await serveAgent(scanner, { listen: [endpoint], signals: true });
reportMemory();
