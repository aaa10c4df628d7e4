// Firewall whose rules are a configuration: a gateway pushes them, and a new set takes effect without a restart.
import { type Agent, type AgentDecision, allow, block, defineAgent, refuse } from 'agentwire';
import { RE2JS } from 're2js';

interface Rule {
  readonly id: string;
  /** Linear in the text, whatever the pattern: an operator's mistake cannot stop the agent. */
  readonly pattern: RE2JS;
  readonly decision: AgentDecision;
}

const MAX_RULES = 1_000;
const MAX_PATTERN = 1_000;

/** Reads `{ rules: [{ id, pattern }] }`. @throws Error that names what is wrong */
function readRules(config: unknown): readonly Rule[] {
  const { rules } = (config ?? {}) as { rules?: unknown };
  if (!Array.isArray(rules) || rules.length > MAX_RULES)
    throw new Error(`rules must be a list of ${MAX_RULES} at most`);
  return rules.map((rule: { id?: unknown; pattern?: unknown } | null, index): Rule => {
    const { id, pattern } = rule ?? {};
    if (typeof id !== 'string' || typeof pattern !== 'string' || pattern.length > MAX_PATTERN)
      throw new Error(`rule ${index} needs an id and a pattern of ${MAX_PATTERN} characters at most`);
    const decision = block(403, 'Forbidden.\n').withTag('waf').withRule(id).withBlockHeader('x-rule', id).freeze();
    return { id, pattern: compile(id, pattern), decision };
  });
}

function compile(id: string, pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern, RE2JS.CASE_INSENSITIVE);
  } catch (error) {
    throw new Error(`rule ${id}: ${(error as Error).message}`, { cause: error });
  }
}

/** Text without its escapes, twice at most; what cannot be decoded stays as it is. */
function plain(text: string): string {
  for (let round = 0; round < 2 && text.includes('%'); round++) {
    try {
      text = decodeURIComponent(text);
    } catch {
      return text;
    }
  }
  return text;
}

const PASS = allow().freeze();
const NOT_READY = block(503, 'No rules yet.\n').withTag('waf').withReason('no_rules').freeze();
let rules: readonly Rule[] | undefined;

const waf: Agent = defineAgent({
  name: 'waf-rules',
  version: '1.0.0',
  onConfigure({ config, configVersion }, { logger }) {
    try {
      rules = readRules(config); // a wrong set throws here, and the former one stays
      logger.info({ rules: rules.length, version: configVersion }, 'the rules were changed');
      return allow();
    } catch (error) {
      return refuse((error as Error).message);
    }
  },
  onRequestHeaders(request) {
    if (rules === undefined) return NOT_READY;
    const text = plain(request.uri);
    return rules.find(({ pattern }) => pattern.matcher(text).find())?.decision ?? PASS;
  },
});

export default waf;
