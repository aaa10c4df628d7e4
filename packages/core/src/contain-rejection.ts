/**
 * Passes the rejection of a callback's result to `onError`, where the callback is async although nothing waits for it. Node ends a process
 * for a rejection that nothing handles.
 */
export function containRejection(result: unknown, onError: (error: unknown) => void): void {
  if (result instanceof Promise) result.catch(onError);
}
