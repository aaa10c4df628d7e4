// Guardrail for prompts: asked by applications about a text (onGuardrail), and by a gateway about chat requests (onRequestHeaders).
import { type Agent, allow, block, defineAgent } from 'agentwire';
import type { GuardrailDetection, GuardrailInspect, GuardrailResult } from 'agentwire/core';
import { RULES } from './rules.ts';

const INVISIBLE = /[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]/gu;

/** Findings in a text. Their spans are those of the text as it came, so it is searched as it is, and without its disguises. */
function inspect(content: string, kind: GuardrailInspect['inspectionType']): GuardrailResult {
  const detections = RULES[kind].flatMap(({ pattern, category, severity, confidence }) =>
    [...content.matchAll(pattern)].map((match): GuardrailDetection => {
      const start = Buffer.byteLength(content.slice(0, match.index));
      const span = { start, end: start + Buffer.byteLength(match[0]) };
      return { category, severity, confidence, description: `text that looks like ${category}`, span };
    }),
  );
  const plain = content.normalize('NFKC').replaceAll(INVISIBLE, '');
  if (detections.length === 0 && plain !== content)
    for (const { category, description } of inspect(plain, kind).detections)
      detections.push({ category, description: `${description}, disguised`, severity: 'critical', confidence: 1 });
  const redactedContent = RULES[kind].reduce(
    (text, { pattern, category }) => text.replaceAll(pattern, `[${category}]`),
    plain,
  );
  const confidence = Math.max(0, ...detections.map((found) => found.confidence ?? 0));
  return { detected: detections.length > 0, confidence, detections, ...(detections.length > 0 && { redactedContent }) };
}

const guardrail: Agent = defineAgent({
  name: 'guardrail',
  version: '1.0.0',
  requestBody: true,
  onGuardrail: ({ content, inspectionType }) => inspect(content, inspectionType),
  async onRequestHeaders(request) {
    if (request.method !== 'POST' || !request.hasBody) return allow();
    // not JSON is a 400, too long a 413, an unknown content-encoding a 415
    const { messages = [] } = ((await request.json({ limit: 1_048_576, hold: true, decode: true })) ?? {}) as {
      messages?: { content?: unknown }[];
    };
    const { detected, detections } = inspect(
      messages.map(({ content }) => textOf(content)).join('\n'),
      'prompt_injection',
    );
    if (!detected) return allow();
    return block(403, 'This prompt was refused.\n')
      .withTag('guardrail')
      .withRule(...detections.map(({ category }) => category));
  },
});

/** Text of a message: a string, or parts with a text each. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return Array.isArray(content) ? content.map((part: { text?: unknown } | null) => textOf(part?.text)).join('\n') : '';
}

export default guardrail;
