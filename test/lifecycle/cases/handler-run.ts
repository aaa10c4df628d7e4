import { ALLOW, AgentwireError } from '@agentwire/core';
import { HANDLER_RUN_LIFECYCLE, HandlerRun, type RunHost } from '@agentwire/agent/internal';
import type { AgentRequest } from '@agentwire/core/session';
import type { LifecycleCase } from '../lifecycle-case.ts';

/** Run of an agent's handler. */
export const handlerRun: LifecycleCase = {
  name: 'handler run',
  lifecycle: HANDLER_RUN_LIFECYCLE,
  create() {
    let overtaken = false;
    const host: RunHost = {
      watch: () => undefined,
      unwatch: () => undefined,
      overtaken: () => overtaken,
      onListenerError: () => undefined,
    };
    const run = new HandlerRun(host, { signal: new AbortController().signal } as AgentRequest);
    return {
      state: () => run.state,
      events: {
        'event waits': () => {
          const reply = run.wait();
          if (reply instanceof Promise) reply.catch(() => undefined);
        },
        'asks for more': () => run.continue(),
        overtaken: () => run.overtake(),
        decides: () => run.settle(ALLOW),
        'decides at once': () => run.settle(ALLOW, true),
        'decides too late': () => {
          overtaken = true;
          run.settle(ALLOW);
          overtaken = false;
        },
        fails: () => run.fail(new AgentwireError('ERR_HANDLER', 'failed')),
      },
    };
  },
};
