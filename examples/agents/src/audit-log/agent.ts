// Audit log: a JSON line for each request, when it is over. A request that could not be logged is not answered by the upstream.
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { type Agent, allow, block, defineAgent, type HandlerContext } from 'agentwire';

/** Bytes that may wait for the disk; past it new requests are refused. */
const MAX_WAITING_BYTES = Number(process.env['AUDIT_MAX_WAITING_BYTES'] ?? 4_194_304);

const file = createWriteStream(process.env['AUDIT_FILE'] ?? 'audit.jsonl', { flags: 'a', mode: 0o600 });
let failed: NodeJS.ErrnoException | undefined;
file.on('error', (error) => (failed = error));

interface Entry {
  readonly startedAt: string;
}
type Context = HandlerContext<Entry>;

/** Hash in the place of a secret: it shows that two requests had the same one. */
const fingerprint = (secret: string | undefined): string | undefined =>
  secret === undefined ? undefined : createHash('sha256').update(secret).digest('base64url').slice(0, 16);

/** Writes the line of a request. Paths without their query, sizes but no bodies: a log is read by more people than a request. */
function write({ request, requestId, state }: Context, end: Readonly<Record<string, unknown>>): void {
  const line = {
    at: state?.startedAt,
    requestId,
    client: request?.metadata.clientIp,
    credential: fingerprint(request?.headers.get('authorization')),
    method: request?.method,
    host: request?.headers.get('host'),
    path: request?.path,
    ...end,
  };
  file.write(`${JSON.stringify(line)}\n`);
}

const PASS = allow().freeze();
const REFUSED = block(503, 'Try again.\n').withTag('audit-log').withReason('log_unavailable').freeze();

const auditLog: Agent<Entry> = defineAgent<Entry>({
  name: 'audit-log',
  version: '1.0.0',
  onRequestHeaders(_request, context) {
    if (failed !== undefined || file.writableLength > MAX_WAITING_BYTES) {
      context.log('error', 'the audit log cannot be written', {
        waitingBytes: file.writableLength,
        code: failed?.code ?? 'slow',
      });
      return REFUSED;
    }
    context.state = { startedAt: new Date(context.clock.wallNow()).toISOString() };
    return PASS;
  },
  // one line each: complete with a status, or cancelled
  onRequestComplete({ status, durationMs, requestBodySize, responseBodySize }, context) {
    if (context.state !== undefined) write(context, { status, durationMs, requestBodySize, responseBodySize });
  },
  onCancel(reason, context) {
    if (context.state !== undefined) write(context, { cancelled: reason });
  },
});

export default auditLog;
