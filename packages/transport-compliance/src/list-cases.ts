import { ABORT_CASES } from './cases/abort.ts';
import { AUTHORIZE_CASES } from './cases/authorize.ts';
import { CLOSE_CASES } from './cases/close.ts';
import { CONNECT_CASES } from './cases/connect.ts';
import { DECISION_CASES } from './cases/decision.ts';
import { EVENT_CASES } from './cases/event.ts';
import { HANDLER_CASES } from './cases/handler.ts';
import { LISTEN_CASES } from './cases/listen.ts';
import { MESSAGE_CASES } from './cases/message.ts';
import { MISUSE_CASES } from './cases/misuse.ts';
import { NEGOTIATE_CASES } from './cases/negotiate.ts';
import { OPEN_CASES } from './cases/open.ts';
import { ORDER_CASES } from './cases/order.ts';
import { PAUSE_CASES } from './cases/pause.ts';
import { PRESSURE_CASES } from './cases/pressure.ts';
import { SESSION_CASES } from './cases/session.ts';
import { SIZE_CASES } from './cases/size.ts';
import type { ComplianceCase } from './compliance-case.ts';

const CASES: readonly ComplianceCase[] = [
  ...OPEN_CASES,
  ...NEGOTIATE_CASES,
  ...AUTHORIZE_CASES,
  ...CONNECT_CASES,
  ...LISTEN_CASES,
  ...MESSAGE_CASES,
  ...ORDER_CASES,
  ...SIZE_CASES,
  ...PRESSURE_CASES,
  ...PAUSE_CASES,
  ...CLOSE_CASES,
  ...ABORT_CASES,
  ...HANDLER_CASES,
  ...SESSION_CASES,
  ...MISUSE_CASES,
  ...DECISION_CASES,
  ...EVENT_CASES,
];

/** Lists every case of the kit, in the order in which they run. */
export function listCases(): readonly ComplianceCase[] {
  return CASES;
}
