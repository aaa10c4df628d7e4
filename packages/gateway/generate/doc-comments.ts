import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../', import.meta.url));

/** Files with the types of a gateway's file. */
const FILES: readonly string[] = [
  'gateway/src/gateway-file.ts',
  'gateway/src/access-log/access-log-file.ts',
  'gateway/src/record/recording-options.ts',
  'gateway/src/config-agents.ts',
  'gateway/src/listen.ts',
  'gateway/src/proxy-protocol/check-proxy-protocol.ts',
  'gateway/src/http2/tls-certificates.ts',
  'gateway/src/options/gateway-options.ts',
  'gateway/src/options/client-options.ts',
  'gateway/src/options/upstream-options.ts',
  'gateway/src/options/http2-options.ts',
  'gateway/src/routes/route-options.ts',
  'gateway/src/upstream/upstream-config.ts',
  'pipeline/src/pipeline-options.ts',
  'pool/src/failure-policy.ts',
  'pool/src/options.ts',
  'pool/src/agent/gradient-limit.ts',
  'pool/src/decision-cache/decision-cache.ts',
  'core/src/session/backoff.ts',
];

/** Returns the text of a doc comment on one line, without its tags. */
function textOf(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
    .join(' ')
    .replaceAll(/\{@link (?:\w+\.)?(\w+)\}/g, '`$1`')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Reads the doc comments of the members of all interfaces. @returns them by `Interface.member` */
export function readDocComments(): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  for (const file of FILES) {
    const source = readFileSync(`${packages}${file}`, 'utf8');
    for (const [, name = '', body = ''] of source.matchAll(/^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm))
      for (const [, comment = '', member = ''] of body.matchAll(/^  \/\*\*([\s\S]*?)\*\/\s*readonly (\w+)\??:/gm))
        comments.set(`${name}.${member}`, textOf(comment));
  }
  return comments;
}
