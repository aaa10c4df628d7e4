import type { AgentExecutor, ExecutionEventBus, RequestContext } from '@a2a-js/sdk/server';
import type { A2ARouter } from '@agentwire/a2a-router';
import { AgentwireError } from '@agentwire/core';
import type { ResolvedBridgeOptions } from '../bridge-options.ts';
import { callerOf } from '../call-context.ts';
import type { Admission } from './admissions.ts';
import { TaskRun } from './task-run.ts';

/** Key of the admission in the state of a call. */
export const ADMISSION = 'agentwire.admission';

/** Executor of the SDK: each message is one request on the router. */
export class RouterExecutor implements AgentExecutor {
  readonly #router: A2ARouter;
  readonly #options: ResolvedBridgeOptions;
  readonly #runs = new Map<string, { readonly run: TaskRun; readonly done: Promise<void> }>();

  constructor(router: A2ARouter, options: ResolvedBridgeOptions) {
    this.#router = router;
    this.#options = options;
  }

  /** Messages that are worked on. */
  get size(): number {
    return this.#runs.size;
  }

  execute: AgentExecutor['execute'] = async (request: RequestContext, bus: ExecutionEventBus) => {
    const { taskId, contextId, task, userMessage: message, context } = request;
    const caller = callerOf(context);
    const admission = context.state.get(ADMISSION) as Admission | undefined;
    admission?.take(taskId);
    const run = new TaskRun({
      router: this.#router,
      options: this.#options,
      bus,
      caller,
      message,
      taskId,
      contextId,
      task,
    });
    const done = run.run();
    this.#runs.set(taskId, { run, done });
    try {
      await done;
    } finally {
      this.#runs.delete(taskId);
      admission?.release();
    }
  };

  cancelTask: AgentExecutor['cancelTask'] = (taskId: string) => {
    this.#runs.get(taskId)?.run.cancel();
    return Promise.resolve();
  };

  /** Tells whether a message of the task is worked on. */
  isRunning(taskId: string): boolean {
    return this.#runs.has(taskId);
  }

  /** Ends the run of a task with an error, if there is one. */
  abort(taskId: string, error: AgentwireError): void {
    this.#runs.get(taskId)?.run.abort(error);
  }

  /** Ends every run and waits for their handlers' requests to be over. */
  async close(): Promise<void> {
    const runs = [...this.#runs.values()];
    for (const { run } of runs) run.abort(new AgentwireError('ERR_CLOSED', 'the bridge was closed'));
    await Promise.all(runs.map(({ done }) => done));
  }
}
