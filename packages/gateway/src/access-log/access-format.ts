import type { Audit } from '@agentwire/core';
import { printable } from '@agentwire/core/internal';
import type { RequestSummary } from '../options/gateway-options.ts';
import { loggedPath } from '../request/target.ts';

/** Format of a line of an access log. */
export type AccessLogFormat = 'json' | 'combined';

/** Returns the line of a request, with its line feed. */
export type AccessFormat = (summary: RequestSummary) => string;

const MAX_PATH_CHARACTERS = 2_048;
const MAX_TEXT_CHARACTERS = 512;
const MAX_AUDIT_TEXTS = 16;
const MAX_AUDIT_CHARACTERS = 64;

const cut = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max)}…` : text);

/** Returns the texts of one kind in an audit, bounded in number and length. */
export function auditTexts(audit: Audit | undefined, kind: 'ruleIds' | 'tags' | 'reasonCodes'): string[] | undefined {
  const texts = audit?.[kind];
  if (texts === undefined || texts.length === 0) return undefined;
  return texts.slice(0, MAX_AUDIT_TEXTS).map((text) => cut(text, MAX_AUDIT_CHARACTERS));
}

/** Returns milliseconds with at most three decimals. */
const shortMs = (ms: number): number => Math.round(ms * 1_000) / 1_000;
const pathOf = (uri: string, query: boolean): string => loggedPath(uri, query, MAX_PATH_CHARACTERS);

/** Text that JSON, and a text in quotes, has as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

const jsonText = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(printable(text)));
const textField = (name: string, text: string | undefined): string =>
  text === undefined ? '' : `,"${name}":${jsonText(text)}`;
const numberField = (name: string, value: number | undefined): string =>
  value === undefined ? '' : `,"${name}":${value}`;
const listField = (name: string, texts: readonly string[] | undefined): string =>
  texts === undefined ? '' : `,"${name}":[${texts.map(jsonText).join(',')}]`;
const msField = (name: string, ms: number | undefined): string => (ms === undefined ? '' : `,"${name}":${shortMs(ms)}`);

/** Returns fields that tell which decisions agents did not make themselves. */
const sourceFields = ({ failed, reason, cached }: RequestSummary): string =>
  `${textField('failed', failed)}${textField('reason', reason)}${listField('cached', cached)}`;

/** Returns fields with the grounds of the decisions. */
const auditFields = (audit: Audit): string =>
  `${listField('rules', auditTexts(audit, 'ruleIds'))}${listField('tags', auditTexts(audit, 'tags'))}${listField('reasonCodes', auditTexts(audit, 'reasonCodes'))}`;

/** Returns a function that shows times; those of one second share the text that `show` makes of it. */
function bySecond(show: (second: Date) => string): (at: number) => string {
  let last = Number.NaN;
  let text = '';
  return (at) => {
    const second = Math.floor(at / 1_000);
    if (second !== last) text = show(new Date(second * 1_000));
    last = second;
    return text;
  };
}

/** Written by hand: JSON.stringify of an object with these fields took two to three times as long. */
function jsonFormat(query: boolean): AccessFormat {
  const toSecond = bySecond((second) => second.toISOString().slice(0, 20));
  return (summary) => {
    const { startedAt, id, client, method, uri, protocol, status, outcome, agent, error, route, upstream, audit } =
      summary;
    const ms = String(Math.floor(startedAt) % 1_000).padStart(3, '0');
    return `{"time":"${toSecond(startedAt)}${ms}Z"${textField('id', id)}${textField('client', client)}${textField('method', method)}${textField('path', pathOf(uri, query))}${textField('protocol', protocol)},"status":${status}${numberField('grpcStatus', summary.grpcStatus)},"decision":"${outcome}"${textField('error', error)}${textField('agent', agent)}${sourceFields(summary)}${audit === undefined ? '' : auditFields(audit)}${route === '' ? '' : textField('route', route)}${textField('upstream', upstream)},"requestBytes":${summary.requestBytes},"responseBytes":${summary.responseBytes}${msField('durationMs', summary.durationMs)}${msField('agentsMs', summary.agentsMs)}${msField('queuedMs', summary.queuedMs)}${msField('upstreamMs', summary.upstreamMs)}}\n`;
  };
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** Returns a time as `30/Nov/2026:08:45:12 +0000`. */
function apacheTime(at: Date): string {
  const [, year, month, day, time] = /^(\d+)-(\d+)-(\d+)T([\d:]+)/.exec(at.toISOString()) ?? [];
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time} +0000`;
}

/** Returns a text in quotes that cannot end them; `"-"` for none. */
function quoted(text: string | undefined): string {
  if (text === undefined || text === '') return '"-"';
  if (PLAIN.test(text)) return `"${text}"`;
  return `"${printable(text.replaceAll(/[\\"]/g, String.raw`\$&`))}"`;
}

/** Returns fields of a line in the combined format: who decided, and on which grounds. */
function decisionFields({ agent, failed, reason, cached, audit }: RequestSummary): string[] {
  const rules = auditTexts(audit, 'ruleIds');
  const tags = auditTexts(audit, 'tags');
  const codes = auditTexts(audit, 'reasonCodes');
  return [
    ...(agent === undefined ? [] : [`agent=${quoted(agent)}`]),
    ...(failed === undefined ? [] : [`failed=${quoted(failed)}`]),
    ...(reason === undefined ? [] : [`reason=${reason}`]),
    ...(cached === undefined ? [] : [`cached=${quoted(cached.join(','))}`]),
    ...(agent === undefined && rules === undefined ? [] : [`rules=${quoted(rules?.join(','))}`]),
    ...(tags === undefined ? [] : [`tags=${quoted(tags.join(','))}`]),
    ...(codes === undefined ? [] : [`reasonCodes=${quoted(codes.join(','))}`]),
  ];
}

/** Combined log format of Apache, followed by fields of this gateway as `name=value`. */
function combinedFormat(query: boolean): AccessFormat {
  const timeOf = bySecond(apacheTime);
  return (summary) => {
    const { method, uri, protocol, status, referer, userAgent, route, upstream, error, outcome } = summary;
    const request = quoted(`${method} ${pathOf(uri, query)} ${protocol}`);
    // a referer is an address of another page, whose query is as secret as that of the request
    const from = quoted(referer && pathOf(referer, query));
    const by = quoted(userAgent && cut(userAgent, MAX_TEXT_CHARACTERS));
    const own = [
      `id=${summary.id}`,
      ...(summary.grpcStatus === undefined ? [] : [`grpcStatus=${summary.grpcStatus}`]),
      `decision=${outcome}`,
      ...(error === undefined ? [] : [`error=${error}`]),
      ...decisionFields(summary),
      ...(route === '' ? [] : [`route=${quoted(route)}`]),
      ...(upstream === undefined ? [] : [`upstream=${quoted(upstream)}`]),
      `durationMs=${shortMs(summary.durationMs)}`,
      `agentsMs=${shortMs(summary.agentsMs)}`,
      ...(summary.queuedMs === undefined ? [] : [`queuedMs=${shortMs(summary.queuedMs)}`]),
      ...(summary.upstreamMs === undefined ? [] : [`upstreamMs=${shortMs(summary.upstreamMs)}`]),
    ].join(' ');
    const [client, time] = [summary.client || '-', timeOf(summary.startedAt)];
    return `${client} - - [${time}] ${request} ${status} ${summary.responseBytes} ${from} ${by} ${own}\n`;
  };
}

/** Returns the format of a name. @param query keeps queries of paths and referers */
export function accessFormat(name: AccessLogFormat, query: boolean): AccessFormat {
  return name === 'json' ? jsonFormat(query) : combinedFormat(query);
}
