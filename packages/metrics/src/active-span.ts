import { type Context, ROOT_CONTEXT, type Span, trace } from '@opentelemetry/api';

/** Key under which OpenTelemetry keeps the active span. */
const SPAN_KEY: symbol = (() => {
  let found: symbol | undefined;
  const probe: Context = {
    getValue: () => undefined,
    setValue(key) {
      found = key;
      return this;
    },
    deleteValue: () => probe,
  };
  trace.setSpan(probe, trace.wrapSpanContext({ traceId: '', spanId: '', traceFlags: 0 }));
  return found as unknown as symbol;
})();

/** Context with an active span: `trace.setSpan` copies all values of the context, at 0.4 µs for each span. */
export class ActiveSpan implements Context {
  readonly #span: Span;
  /** Context of all other values. */
  readonly #rest: Context;

  constructor(span: Span, context: Context = ROOT_CONTEXT) {
    this.#span = span;
    // else each span would hold on to the one that was active before
    this.#rest = context instanceof ActiveSpan ? context.#rest : context;
  }

  getValue(key: symbol): unknown {
    return key === SPAN_KEY ? this.#span : this.#rest.getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    const rest = this.#rest.setValue(key, value);
    return key === SPAN_KEY ? rest : new ActiveSpan(this.#span, rest);
  }

  deleteValue(key: symbol): Context {
    const rest = this.#rest.deleteValue(key);
    return key === SPAN_KEY ? rest : new ActiveSpan(this.#span, rest);
  }
}
