/** Parts of an address that a recording leaves out; each is `null` where there was one. */
export interface LeftOut {
  readonly query?: null | undefined;
  readonly fragment?: null | undefined;
  /** Name and password before the host. */
  readonly userinfo?: null | undefined;
  /** Values of path parameters, such as that of `;jsessionid=1`, whose names tell that they are secrets. */
  readonly parameters?: null | undefined;
}

/** Address without what was left out. */
export interface RecordedAddress extends LeftOut {
  readonly text: string;
}

/** Rule for the names of parameters. */
export interface NameRule {
  /** Returns whether the value of a parameter of that name is left out. */
  hides(name: string): boolean;
}

/** Parts that can be left out. */
export const PARTS: readonly (keyof LeftOut)[] = ['userinfo', 'parameters', 'query', 'fragment'];

/** Parts that are left out where queries are recorded. */
export const SECRETS: readonly (keyof LeftOut)[] = ['userinfo', 'parameters'];

const USERINFO = /(?<=^|[:\s<"'=(,])\/\/[^/?#\s]*@/g;
const PARAMETER = /;([^=;/?#]*)=([^;/?#]*)/g;

/** Cuts an address before a character. @returns the rest too, with that character */
function split(text: string, character: string): readonly [start: string, rest: string] {
  const at = text.indexOf(character);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

function withoutParameters(path: string, rule: NameRule): string {
  return path.replaceAll(PARAMETER, (whole, name: string, value: string) =>
    value !== '' && rule.hides(name.trim()) ? `;${name}=` : whole,
  );
}

/** Returns the rule by which the parameters of an address were left out. */
export function emptyParameters(text: string): NameRule {
  const names = new Set(
    [...text.matchAll(PARAMETER)].flatMap(([, name, value]) => (value === '' ? [name?.trim()] : [])),
  );
  return { hides: (name) => names.has(name) };
}

/** Returns whether a text with addresses has a name and password, or a path parameter that is a secret. */
export function hasSecret(text: string, rule: NameRule): boolean {
  return text.search(USERINFO) !== -1 || withoutParameters(text, rule) !== text;
}

/** Returns an address without the given parts, and which of them it had. */
export function cutAddress(text: string, parts: readonly (keyof LeftOut)[], rule: NameRule): RecordedAddress {
  const [whole, fragment] = split(text, '#');
  const [path, query] = split(whole, '?');
  const isCut = (part: keyof LeftOut): boolean => parts.includes(part);
  const user = isCut('userinfo') ? path.replaceAll(USERINFO, '//') : path;
  const start = isCut('parameters') ? withoutParameters(user, rule) : user;
  const keptQuery = isCut('query') ? '' : query;
  const keptFragment = isCut('fragment') ? '' : fragment;
  return {
    text: start + keptQuery + keptFragment,
    ...(keptQuery !== query && { query: null }),
    ...(keptFragment !== fragment && { fragment: null }),
    ...(user !== path && { userinfo: null }),
    ...(start !== user && { parameters: null }),
  };
}
