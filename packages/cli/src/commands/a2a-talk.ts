import { type KernelMessage, messageToJson } from '@agentwire/a2a-router';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { jsonLine, line } from '../output/terminal.ts';
import { addCredentialFlags } from './a2a-credentials.ts';
import { addNodeFlags, asNode, milliseconds, type NodeFlags } from './a2a-node.ts';
import { readPayload, readTarget, showPayload, TARGETS } from './a2a-target.ts';

interface TalkFlags extends NodeFlags {
  readonly payloadJson?: boolean;
}

interface RequestFlags extends TalkFlags {
  readonly timeoutMs: number;
  readonly stream?: boolean;
}

const SEND = 'agentwire a2a send nats://127.0.0.1:4222 topic:news "it rains"';
const REQUEST = "agentwire a2a request nats://127.0.0.1:4222 service:sums#add '[1,2]' --payload-json";

async function send(url: string, to: string, text: string, flags: TalkFlags, context: CommandContext): Promise<void> {
  const [target, body] = [readTarget(to, SEND), readPayload(text, flags.payloadJson === true, SEND)];
  const report = await asNode(url, flags, SEND, (agent) => agent.send(target, body));
  if (flags.json === true) jsonLine(context.terminal.stdout, report);
  else line(context.terminal.stdout, `handed to the server: ${report.messageId}`);
}

async function request(
  url: string,
  to: string,
  text: string,
  flags: RequestFlags,
  context: CommandContext,
): Promise<void> {
  const [target, body] = [readTarget(to, REQUEST), readPayload(text, flags.payloadJson === true, REQUEST)];
  const { timeoutMs } = flags;
  const show = (answer: KernelMessage): void => {
    if (flags.json === true)
      jsonLine(context.terminal.stdout, { node: answer.fromNode, message: messageToJson(answer) });
    else line(context.terminal.stdout, showPayload(answer.payload));
  };
  await asNode(url, flags, REQUEST, async (agent) => {
    if (flags.stream !== true) show(await agent.request(target, body, { timeoutMs }));
    else for await (const part of agent.requestStream(target, body, { timeoutMs })) show(part);
  });
}

/** Adds `a2a send` and `a2a request`. */
export function addTalkCommands(a2a: Command, context: CommandContext): void {
  const talk = (name: string, description: string, example: string): Command =>
    addCredentialFlags(
      addNodeFlags(
        a2a
          .command(name)
          .description(description)
          .argument('<url>', 'a NATS server, for example nats://127.0.0.1:4222')
          .argument('<target>', TARGETS)
          .argument('<payload>', 'text, or @FILE for what a file holds')
          .option('--payload-json', 'the payload is JSON'),
      ),
    ).showHelpAfterError(`for example: ${example}`);
  talk('send', 'send one message to agents of other nodes; status 1 when it could not be handed over', SEND).action(
    (url: string, to: string, text: string, flags: TalkFlags) => send(url, to, text, flags, context),
  );
  talk('request', 'ask agents of other nodes and print the answer; status 1 when none came', REQUEST)
    .option('--timeout-ms <n>', 'how long to wait', milliseconds, 5000)
    .option('--stream', 'the answer comes in parts: print each as it comes')
    .action((url: string, to: string, text: string, flags: RequestFlags) => request(url, to, text, flags, context));
}
