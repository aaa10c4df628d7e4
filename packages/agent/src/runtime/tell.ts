import type { Logger, Message } from '@agentwire/core';
import type { AgentSession } from '@agentwire/core/session';

/** Tells a proxy something that nothing depends on; one that cannot take it now goes without. */
export function tell(session: AgentSession, message: Message, logger: Logger): void {
  try {
    session.notify(message);
  } catch (error) {
    logger.debug({ connection: session.connection.id, type: message.type, err: error }, 'a notice could not be sent');
  }
}

/** Calls a handler that is only told something: its throw, or the rejection of an async one, ends nothing. */
export function callListener(name: string, logger: Logger, listener: () => unknown): void {
  const failed = (error: unknown): void =>
    logger.error({ handler: name, err: error }, 'a handler that is only told something threw');
  try {
    const outcome = listener();
    if (outcome instanceof Promise) outcome.catch(failed);
  } catch (error) {
    failed(error);
  }
}
