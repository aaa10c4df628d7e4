import type { Logger, Message } from '@agentwire/core';
import type { AgentSession } from '@agentwire/core/session';

/** Sends a proxy a message that nothing depends on; a proxy that cannot take it now goes without. @returns whether it was sent */
export function notifyProxy(session: AgentSession, message: Message, logger: Logger): boolean {
  try {
    return session.notify(message);
  } catch (error) {
    logger.debug({ connection: session.connection.id, type: message.type, err: error }, 'a notice could not be sent');
    return false;
  }
}

/** Calls a handler that decides nothing: its throw, or the rejection of an async one, is logged and ends nothing. */
export function callListener(name: string, logger: Logger, listener: () => unknown): void {
  const failed = (error: unknown): void => logger.error({ handler: name, err: error }, 'a notification handler threw');
  try {
    const result = listener();
    if (result instanceof Promise) result.catch(failed);
  } catch (error) {
    failed(error);
  }
}
