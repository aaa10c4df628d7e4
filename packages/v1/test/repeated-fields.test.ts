import { describe, expect, test } from 'vitest';
import { AgentClient } from '../src/index.ts';
import { head, oldAgent } from './old-peers.ts';

function frameOf(text: string): Buffer {
  const frame = Buffer.alloc(4 + Buffer.byteLength(text));
  frame.writeUInt32BE(frame.length - 4);
  frame.write(text, 4);
  return frame;
}

describe('an answer of version 1', () => {
  test.each([
    '{"version":1,"decision":{"allow":false}}',
    '{"version":1,"decision":{"block":{"status":403},"allow":{}}}',
    '{"version":1,"decision":{"foo":1,"allow":{}}}',
    '{"version":1,"decision":{"block":{"status":403}},"decision":"allow"}',
    '{"version":1,"decision":{"block":{"status":403}},"\\u0064ecision":"allow"}',
    '{"version":1}',
  ])('that is not one decision is none: %s', async (text) => {
    const path = await oldAgent(() => frameOf(text));
    await using client = await AgentClient.unixSocket(path);
    await expect(client.sendEvent(head('/'))).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
  });

  test('that is a bomb is refused before it is written anew', async () => {
    const bomb = `{"version":1,"decision":"allow","x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    const path = await oldAgent(() => frameOf(bomb));
    await using client = await AgentClient.unixSocket(path);
    await expect(client.sendEvent(head('/'))).rejects.toMatchObject({ code: 'ERR_PROTOCOL' });
  });
});
