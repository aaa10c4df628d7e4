import { allow, block, defineAgent, type Agent, type AgentDecision, type IncomingRequest } from '@agentwire/agent';
import { plainText, textOf } from './waf-text.ts';

/** Rule: a pattern, and the tag of its kind. */
export interface WafRule {
  readonly id: string;
  readonly tag: string;
  readonly pattern: RegExp;
}

/**
 * Rules for text whose encodings are undone. Every repetition has a limit, so that a pattern takes time in proportion to the
 * text, whatever an attacker writes.
 */
export const WAF_RULES: readonly WafRule[] = [
  { id: 'lfi-001', tag: 'lfi', pattern: /(?:^|[\\/=?&;:"' ])\.\.(?:[\\/?#;&"]|$)/ },
  {
    id: 'lfi-002',
    tag: 'lfi',
    pattern: /\/etc\/(?:passwd|shadow|group)\b|\b(?:win|boot)\.ini\b|\/proc\/self\/|\b(?:php|expect|phar):\/\//i,
  },
  {
    id: 'sqli-001',
    tag: 'sqli',
    pattern: /\bunion\b[\s(]{0,8}(?:(?:all|distinct)\b[\s(]{0,8})?select\b/i,
  },
  {
    id: 'sqli-002',
    tag: 'sqli',
    pattern:
      /['")\d`]\s{0,8}(?:\b(?:or|and|xor)\b|\|\||&&)[\s(!~+-]{0,8}(?:not\b\s{0,8})?['"]?[\w.]{0,32}['"]?\s{0,8}(?:=|<|>|\bis\b|\blike\b|\bin\b|--|#)/i,
  },
  {
    id: 'sqli-003',
    tag: 'sqli',
    pattern:
      /;\s{0,8}(?:drop|truncate|alter|create)\s{1,8}(?:table|database|user)\b|;\s{0,8}(?:delete\s{1,8}from|insert\s{1,8}into|shutdown)\b/i,
  },
  {
    id: 'sqli-004',
    tag: 'sqli',
    pattern:
      /\b(?:sleep|benchmark|pg_sleep|extractvalue|updatexml|load_file)\s{0,8}\(|\bwaitfor\s{1,8}delay\b|\binformation_schema\b|\bxp_cmdshell\b|\binto\s{1,8}(?:out|dump)file\b|['"]\s{0,8}(?:--|#)(?:\s|$)/i,
  },
  { id: 'xss-001', tag: 'xss', pattern: /<\s{0,8}\/?\s{0,8}script\b|\b(?:java|vb|live)\s{0,8}script\s{0,8}:/i },
  { id: 'xss-002', tag: 'xss', pattern: /<[a-z!/][^>]{0,200}[\s/"'`]on[a-z]{3,24}\s{0,8}=/i },
  {
    id: 'xss-003',
    tag: 'xss',
    pattern:
      /<\s{0,8}(?:iframe|object|embed|applet|base|meta|link|svg|math)\b[^>]{0,200}[\s/](?:src|srcdoc|data|href|content|http-equiv)\s{0,8}=|\bdata:text\/html\b/i,
  },
  {
    id: 'rce-001',
    tag: 'rce',
    pattern:
      /(?:[;|&`\n]|\$\()\s{0,8}(?:cat|id|whoami|uname|wget|curl|nc|ncat|bash|sh|zsh|powershell|python3?|perl)\b(?=\s{0,4}(?:$|[-/;|&`)<>]|https?:))/i,
  },
  {
    id: 'rce-002',
    tag: 'rce',
    pattern: /\$\{[^}]{0,40}\b(?:jndi|lower|upper|env|sys)\b\s{0,8}:|\(\)\s{0,8}\{\s{0,8}:?;/i,
  },
];

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
  const rule = WAF_RULES.find(({ pattern }) => pattern.test(plain));
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
