// Canary release: gives each user a version by a weighted rendezvous hash, which a change of weights moves as few users as it can.
import { createHash } from 'node:crypto';
import { type Agent, allow, defineAgent, type IncomingRequest, refuse } from 'agentwire';

/** Weights by version. */
let versions: ReadonlyMap<string, number> = new Map([['stable', 1]]);

/** Number above 0 and below 1 that is always the same for a version and a key. */
const draw = (version: string, key: string): number =>
  (createHash('sha256')
    .update(JSON.stringify([version, key]))
    .digest()
    .readUIntBE(0, 6) +
    0.5) /
  2 ** 48;

/**
 * Version of a key: each version draws a number, and the one wins whose number is largest for its weight. A version that gets
 * more weight only wins keys, one that is taken out only loses its own, and no agent must know what others chose.
 */
function versionOf(key: string): string {
  let [best, chosen] = [-Infinity, ''];
  for (const [version, weight] of versions) {
    const score = weight / -Math.log(draw(version, key));
    if (score > best) [best, chosen] = [score, version];
  }
  return chosen;
}

/** Key of a request: the session, else the client's address. */
function keyOf({ headers, metadata }: IncomingRequest): string {
  const [, session] = /(?:^|;\s*)session=([^;]+)/.exec(headers.get('cookie') ?? '') ?? [];
  return session ?? metadata.clientIp;
}

const canary: Agent = defineAgent({
  name: 'canary',
  version: '1.0.0',
  // { versions: { stable: 90, canary: 10 } }
  onConfigure({ config }) {
    const entries = Object.entries((config as { versions?: Record<string, unknown> } | null)?.versions ?? {});
    const isWeight = (weight: unknown): weight is number => typeof weight === 'number' && weight > 0 && weight <= 1e6;
    const good = entries.filter(
      (entry): entry is [string, number] => isWeight(entry[1]) && /^[\w.-]{1,64}$/.test(entry[0]),
    );
    if (good.length === 0 || good.length !== entries.length || good.length > 32)
      return refuse('versions must be 1 to 32 names with a weight above 0');
    versions = new Map(good);
    return allow();
  },
  onRequestHeaders(request) {
    const version = versionOf(keyOf(request));
    // set takes out what the client has sent
    return allow().setRequestHeader('x-version', version).setResponseHeader('x-version', version);
  },
});

export default canary;
