import type { Stack } from './stack.ts';

/** Loader of each stack, by name, so that a process loads the code of one stack only. */
const MODULES: Readonly<Record<string, () => Promise<Stack>>> = {
  'json-frames': async () => (await import('./json-frames.ts')).jsonFrames,
  'hand-msgpack': async () => (await import('./hand-msgpack.ts')).handMsgpack,
  'grpc-js': async () => (await import('./grpc-js.ts')).grpcJs,
  'connect-node': async () => (await import('./connect-node.ts')).connectNode,
  'bare-chunks': async () => (await import('./bare-chunks.ts')).bareChunks,
  'undici-http': async () => (await import('./undici-http.ts')).undiciHttp,
};

/** Loads a stack. @throws RangeError for a name that is none */
export async function loadStack(name: string): Promise<Stack> {
  const load = MODULES[name];
  if (load !== undefined) return load();
  const stacks = name.startsWith('reverse-')
    ? (await import('./reverse.ts')).REVERSE_STACKS
    : (await import('./agentwire.ts')).AGENTWIRE_STACKS;
  const stack = stacks.find((one) => one.name === name);
  if (stack === undefined) throw new RangeError(`there is no stack ${name}`);
  return stack;
}
