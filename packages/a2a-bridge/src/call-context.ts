import { RequestMalformedError } from '@a2a-js/sdk/errors';
import type { ServerCallContext, User } from '@a2a-js/sdk/server';
import type { Pid } from '@agentwire/a2a-router';
import { AgentwireError } from '@agentwire/core';

/** Caller of one request as the SDK carries it through its handlers. */
export class CallingUser implements User {
  readonly isAuthenticated: boolean;
  /** Owner of tasks; a name that was authenticated never equals the anonymous one. */
  readonly userName: string;
  /** Name that was authenticated. */
  readonly user: string | undefined;
  /** Process that sends for the caller. */
  readonly pid: Pid;
  /** Aborts when the client has left before its answer. */
  readonly left: AbortSignal;

  constructor(user: string | undefined, pid: Pid, left: AbortSignal) {
    this.user = user;
    this.pid = pid;
    this.left = left;
    this.isAuthenticated = user !== undefined;
    this.userName = user === undefined ? 'anonymous' : `user:${user}`;
  }
}

/** Caller of a context. @throws for a context that no bridge made, and `RequestMalformedError` for a tenant, which no bridge has. */
export function callerOf(context: ServerCallContext): CallingUser {
  if (!(context.user instanceof CallingUser))
    throw new AgentwireError('ERR_UNAUTHORIZED', 'the call has no caller that a bridge has authenticated');
  if (context.tenant !== undefined && context.tenant !== '')
    throw new RequestMalformedError('this agent has no tenants; leave tenant out');
  return context.user;
}

/** Owner of what a context reads and writes. */
export function ownerOf(context: ServerCallContext): string {
  return callerOf(context).userName;
}
