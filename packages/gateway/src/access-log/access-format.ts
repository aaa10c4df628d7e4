import { printable } from '@agentwire/core/internal';
import type { RequestSummary } from '../options/gateway-options.ts';
import { loggedPath } from '../request/target.ts';

/** Format of a line of an access log. */
export type AccessLogFormat = 'json' | 'combined';

/** Returns the line of a request, with its line feed. */
export type AccessFormat = (summary: RequestSummary) => string;

const MAX_PATH_CHARACTERS = 2_048;
const MAX_TEXT_CHARACTERS = 512;
const MAX_RULES = 16;
const MAX_RULE_CHARACTERS = 64;

const cut = (text: string, max: number): string => (text.length > max ? `${text.slice(0, max)}…` : text);

const rulesOf = ({ decision }: RequestSummary): string[] =>
  (decision?.audit?.ruleIds ?? []).slice(0, MAX_RULES).map((rule) => cut(rule, MAX_RULE_CHARACTERS));

/** Returns milliseconds with at most three decimals. */
const shortMs = (ms: number): number => Math.round(ms * 1_000) / 1_000;
const optionalMs = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : shortMs(ms));

const pathOf = (uri: string, query: boolean): string => loggedPath(uri, query, MAX_PATH_CHARACTERS);

function jsonFormat(query: boolean): AccessFormat {
  return (summary) => {
    const { startedAt, id, client, method, uri, protocol, status, outcome, agent, route, upstream } = summary;
    const rules = rulesOf(summary);
    const record = {
      time: new Date(startedAt).toISOString(),
      id,
      client,
      method,
      path: pathOf(uri, query),
      protocol,
      status,
      decision: outcome,
      agent,
      rules: rules.length > 0 ? rules : undefined,
      route: route === '' ? undefined : route,
      upstream,
      requestBytes: summary.requestBytes,
      responseBytes: summary.responseBytes,
      durationMs: shortMs(summary.durationMs),
      agentsMs: shortMs(summary.agentsMs),
      queuedMs: optionalMs(summary.queuedMs),
      upstreamMs: optionalMs(summary.upstreamMs),
    };
    const text = JSON.stringify(record, (_name, value: unknown) =>
      typeof value === 'string' ? printable(value) : value,
    );
    return `${text}\n`;
  };
}

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** Returns a time as `30/Nov/2026:08:45:12 +0000`. */
function apacheTime(at: number): string {
  const [, year, month, day, time] = /^(\d+)-(\d+)-(\d+)T([\d:]+)/.exec(new Date(at).toISOString()) ?? [];
  return `${day}/${MONTHS[Number(month) - 1]}/${year}:${time} +0000`;
}

/** Returns a text in quotes that cannot end them; `"-"` for none. */
function quoted(text: string | undefined): string {
  if (text === undefined || text === '') return '"-"';
  return `"${printable(text.replaceAll(/[\\"]/g, String.raw`\$&`))}"`;
}

/** Combined log format of Apache, followed by fields of this gateway as `name=value`. */
function combinedFormat(query: boolean): AccessFormat {
  return (summary) => {
    const { method, uri, protocol, status, referer, userAgent, route, upstream, agent, outcome } = summary;
    const request = quoted(`${method} ${pathOf(uri, query)} ${protocol}`);
    // a referer is an address of another page, whose query is as secret as that of the request
    const from = quoted(referer && pathOf(referer, query));
    const by = quoted(userAgent && cut(userAgent, MAX_TEXT_CHARACTERS));
    const own = [
      `id=${summary.id}`,
      `decision=${outcome}`,
      ...(agent === undefined ? [] : [`agent=${quoted(agent)}`, `rules=${quoted(rulesOf(summary).join(','))}`]),
      ...(route === '' ? [] : [`route=${quoted(route)}`]),
      ...(upstream === undefined ? [] : [`upstream=${quoted(upstream)}`]),
      `durationMs=${shortMs(summary.durationMs)}`,
      `agentsMs=${shortMs(summary.agentsMs)}`,
      ...(summary.queuedMs === undefined ? [] : [`queuedMs=${shortMs(summary.queuedMs)}`]),
      ...(summary.upstreamMs === undefined ? [] : [`upstreamMs=${shortMs(summary.upstreamMs)}`]),
    ].join(' ');
    const [client, time] = [summary.client || '-', apacheTime(summary.startedAt)];
    return `${client} - - [${time}] ${request} ${status} ${summary.responseBytes} ${from} ${by} ${own}\n`;
  };
}

/** Returns the format of a name. @param query keeps queries of paths and referers */
export function accessFormat(name: AccessLogFormat, query: boolean): AccessFormat {
  return name === 'json' ? jsonFormat(query) : combinedFormat(query);
}
