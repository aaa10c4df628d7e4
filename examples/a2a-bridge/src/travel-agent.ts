import { inputRequired, progress } from '@agentwire/a2a-bridge';
import { type A2ARouter, payload, type ReceivedMessage, scope } from '@agentwire/a2a-router';

/** Starts the agent that books journeys; what it does not know it asks. */
export function startTravelAgent(router: A2ARouter): void {
  const pid = router.processTable.insert({ agentId: 'travel', capabilities: { ipcScope: scope.none } });
  const travel = router.register(pid);
  travel.provide('travel', { methods: ['book', 'watch'] });
  void travel.serve((message) => (methodOf(message) === 'watch' ? watch(message) : book(message)), { concurrency: 16 });
}

function book({ payload: asked, reply }: ReceivedMessage): Promise<void> {
  const text = asked.kind === 'text' ? asked.text : '';
  return text.includes('day') ? bookAll(reply, text) : askForDay(reply);
}

async function askForDay(reply: ReceivedMessage['reply']): Promise<void> {
  await reply.write(inputRequired('On which day?'));
  await reply.end();
}

async function bookAll(reply: ReceivedMessage['reply'], day: string): Promise<void> {
  await reply.write(progress('asking the railway'));
  await reply.write(payload.text(`train on ${day}`));
  await reply.write(payload.text(`hotel on ${day}`));
  await reply.end();
}

/** Watches prices until the request is given up. */
async function watch({ reply, signal }: ReceivedMessage): Promise<void> {
  await reply.write(payload.json({ price: 100 }));
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const methodOf = ({ target }: ReceivedMessage): string => (target.kind === 'serviceMethod' ? target.method : '');
