/** Headers whose values are secrets, or often hold one. */
const SECRET = /^(?:(?:proxy-)?authorization|(?:set-)?cookie2?|.*(?:api-?key|token|secret|password).*)$/;

/** Map that can show its headers. */
interface Shown {
  toObject(): Record<string, string | string[]>;
}

/**
 * Makes `console.log` and `util.inspect` show the headers of a map: values of those that carry secrets are hidden, because what
 * is printed ends in logs.
 */
export function showWhenPrinted(type: { readonly prototype: Shown }): void {
  const value = function (
    this: Shown,
    _depth: number,
    options: object,
    show: (value: object, options: object) => string,
  ) {
    const shown = this.toObject();
    for (const name of Object.keys(shown)) if (SECRET.test(name)) shown[name] = '[hidden]';
    return `HeaderMap ${show({ ...shown }, options)}`;
  };
  Object.defineProperty(type.prototype, Symbol.for('nodejs.util.inspect.custom'), { value });
}
