import { allow, block, defineAgent, type Agent, type AgentDecision, type IncomingRequest } from '@agentwire/agent';
import { finds, WAF_RULES, type WafRule } from './waf-rules.ts';
import { plainText, textOf } from './waf-text.ts';

const SCANNERS = /\b(?:sqlmap|nikto|nmap|masscan|dirbuster|gobuster|nuclei|wpscan)\b/i;
const LONGEST_BODY_BYTES = 1_048_576;
const PASS = allow().setRequestHeader('x-waf', 'pass').freeze();

const refused = (id: string, tag: string): AgentDecision =>
  block(403, 'Forbidden').withRule(id).withTag('waf', tag).withConfidence(0.9).freeze();

// One decision per rule, created once.
const BLOCKS: ReadonlyMap<WafRule, AgentDecision> = new Map(
  WAF_RULES.map((rule) => [rule, refused(rule.id, rule.tag)]),
);
const BOT = refused('bot-001', 'bad-bot');
const ENCODED = refused('enc-001', 'encoding');

function judgeText(text: string): AgentDecision | undefined {
  const plain = plainText(text);
  if (plain === undefined) return ENCODED;
  const rule = WAF_RULES.find((one) => finds(one, plain));
  return rule && BLOCKS.get(rule);
}

function judgeHead(request: IncomingRequest): AgentDecision | undefined {
  const found = judgeText(request.uri);
  if (found !== undefined) return found;
  for (const [name, value] of request.headers) {
    if (name === 'user-agent' && SCANNERS.test(value)) return BOT;
    const inHeader = judgeText(value);
    if (inHeader !== undefined) return inHeader;
  }
  return undefined;
}

async function judgeBody(request: IncomingRequest): Promise<AgentDecision> {
  // a body over the limit, or in an unknown content-encoding, rejects here; a handler that does not catch that blocks
  const bytes = await request.bytes({ limit: LONGEST_BODY_BYTES, decode: true });
  const text = textOf(bytes, request.headers.get('content-type') ?? '');
  return text === undefined ? ENCODED : (judgeText(text) ?? PASS);
}

/**
 * Example of a firewall by rules: path traversal, SQL injection, cross-site scripting, commands and scanners, in uri, headers
 * and body. What it finds is blocked with status 403, the rule's id and its tags; everything else passes with `x-waf: pass`.
 */
const waf: Agent = defineAgent({
  name: 'waf',
  version: '1.0.0',
  requestBody: true,
  // not async: a request without a body is decided synchronously
  onRequestHeaders: (request) => judgeHead(request) ?? (request.hasBody ? judgeBody(request) : PASS),
});

export default waf;
