type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };
type Add = typeof EventTarget.prototype.addEventListener;
type Remove = typeof EventTarget.prototype.removeEventListener;

/**
 * Creates an `AbortController` for user code: an error that a listener of its signal throws, or an async one rejects with, is
 * passed to `onError`. On a plain signal Node raises it as an uncaught exception, which ends the process.
 *
 * `AbortSignal.any` makes a plain signal of it again.
 */
export function containedAbortController(onError: (error: unknown) => void): AbortController {
  const controller = new AbortController();
  const { signal } = controller;
  const contained = new WeakMap<object, (event: Event) => void>();
  const contain = (listener: Listener | null): ((event: Event) => void) | null => {
    if (listener === null) return null;
    let made = contained.get(listener);
    if (made === undefined) {
      made = (event) => callContained(listener, signal, event, onError);
      contained.set(listener, made);
    }
    return made;
  };
  const add: Add = EventTarget.prototype.addEventListener.bind(signal);
  const remove: Remove = EventTarget.prototype.removeEventListener.bind(signal);
  let handler: ((event: Event) => unknown) | null = null;
  Object.defineProperties(signal, {
    addEventListener: {
      value: (type: string, listener: Listener | null, options?: Parameters<Add>[2]) =>
        add(type, contain(listener) as Parameters<Add>[1], options),
    },
    removeEventListener: {
      value: (type: string, listener: Listener | null, options?: Parameters<Remove>[2]) =>
        remove(type, contain(listener) as Parameters<Remove>[1], options),
    },
    onabort: {
      get: () => handler,
      set(next: unknown) {
        if (handler !== null) remove('abort', contain(handler) as Parameters<Remove>[1]);
        handler = typeof next === 'function' ? (next as (event: Event) => unknown) : null;
        if (handler !== null) add('abort', contain(handler) as Parameters<Add>[1]);
      },
    },
  });
  return controller;
}

function callContained(listener: Listener, signal: AbortSignal, event: Event, onError: (error: unknown) => void): void {
  try {
    const outcome = typeof listener === 'function' ? listener.call(signal, event) : listener.handleEvent(event);
    if (outcome instanceof Promise) outcome.catch(onError);
  } catch (error) {
    onError(error);
  }
}
