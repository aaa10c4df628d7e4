import { readFileSync } from 'node:fs';
import { payload, type Payload, target, type Target } from '@agentwire/a2a-router';
import { printable } from '@agentwire/core/internal';
import { jsonText } from '../output/json-text.ts';
import { printableLines } from '../output/printable-lines.ts';
import { UsageError } from '../usage-error.ts';

/** Targets as `a2a send` and `a2a request` take them, for their help. */
export const TARGETS = 'service:NAME, service:NAME#METHOD, topic:NAME, NODE/PID, NODE/kernel or NODE/service:NAME';

/** Reads where a message goes. @throws UsageError for what is no target */
export function readTarget(text: string, example: string): Target {
  const wrong = (): UsageError => new UsageError(`${JSON.stringify(text)} is no target: ${TARGETS}`, example);
  const [, kind, name = ''] = /^(service|topic):(.+)$/s.exec(text) ?? [];
  if (kind === 'topic') return target.topic(name);
  if (kind === 'service') return readService(name, wrong);
  const slash = text.indexOf('/');
  if (slash < 1) throw wrong();
  const [node, inner] = [text.slice(0, slash), text.slice(slash + 1)];
  if (inner === 'kernel') return target.remoteNode(node, target.kernel);
  if (inner.startsWith('service:')) return target.remoteNode(node, readService(inner.slice('service:'.length), wrong));
  if (!/^\d{1,15}$/.test(inner)) throw wrong();
  return target.remoteNode(node, target.process(Number(inner)));
}

function readService(text: string, wrong: () => UsageError): Target {
  const [service = '', method, ...more] = text.split('#');
  if (service === '' || method === '' || more.length > 0) throw wrong();
  return method === undefined ? target.service(service) : target.serviceMethod(service, method);
}

/** Reads what a message carries: text, or JSON; `@FILE` stands for what a file holds. @throws UsageError for what cannot be read */
export function readPayload(text: string, isJson: boolean, example: string): Payload {
  let content = text;
  if (text.startsWith('@')) {
    try {
      content = readFileSync(text.slice(1), 'utf8');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      throw new UsageError(`${text.slice(1)} cannot be read (${code})`, example);
    }
  }
  if (!isJson) return payload.text(content);
  try {
    return payload.json(JSON.parse(content) as never);
  } catch {
    throw new UsageError('the payload is no JSON, as --payload-json says it is', example);
  }
}

/** Human-readable payload; characters that act on a terminal are escaped, line feeds of a text stay. */
export function showPayload(given: Payload): string {
  switch (given.kind) {
    case 'text':
      return printableLines(given.text);
    case 'json':
      return jsonText(given.value);
    case 'binary':
      return Buffer.from(given.bytes).toString('base64');
    case 'toolResult':
      return jsonText(given.result);
    case 'toolCall':
      return `${printable(given.name)} ${jsonText(given.args)}`;
    default:
      return given.detail === undefined
        ? printable(given.signal)
        : `${printable(given.signal)} ${jsonText(given.detail)}`;
  }
}
