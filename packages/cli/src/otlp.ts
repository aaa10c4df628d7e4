import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { type Logger, systemClock, type Tracer } from '@agentwire/core';
import { countRepeats } from '@agentwire/core/internal';
import { type SpanExporter, toldExporter } from './told-exporter.ts';
import { UsageError } from './usage-error.ts';

/** Flag of traces: its words, and its line of the help. */
export const OTLP_FLAG = [
  '--otlp <url>',
  'send spans to an OTLP/HTTP receiver, such as http://127.0.0.1:4318; also OTEL_EXPORTER_OTLP_ENDPOINT',
] as const;

/** Tracer of a command. */
export interface OtlpTraces {
  readonly tracer: Tracer;
  /** Sends the spans that wait. */
  end(): Promise<void>;
}

interface OtlpExporter {
  readonly OTLPTraceExporter: new (options: { readonly url?: string }) => SpanExporter;
}

interface TraceSdk {
  readonly BatchSpanProcessor: new (exporter: object) => object;
  readonly NodeTracerProvider: new (options: {
    readonly resource: object;
    readonly spanProcessors: readonly object[];
  }) => {
    register(): void;
    getTracer(name: string): never;
    shutdown(): Promise<void>;
  };
}

interface Resources {
  readonly resourceFromAttributes: (attributes: Readonly<Record<string, string>>) => object;
}

const SDK = '@opentelemetry/sdk-trace-node';
const EXPORTER = '@opentelemetry/exporter-trace-otlp-http';
/** Packages to install. The newest ones of both ask for different versions of OpenTelemetry's API. The README has the same line. */
const INSTALL = `npm install ${SDK}@2 ${EXPORTER}@0.223`;

/** Loads the SDK, which is no part of agentwire, from the working directory. @throws UsageError where it is not installed there */
async function loadSdk(example: string): Promise<TraceSdk & OtlpExporter & Resources> {
  const load = (name: string, from: string): Promise<unknown> =>
    import(pathToFileURL(createRequire(from).resolve(name)).href);
  const here = `${process.cwd()}/`;
  try {
    const sdk = createRequire(here).resolve(SDK);
    const parts = await Promise.all([load(SDK, here), load(EXPORTER, here), load('@opentelemetry/resources', sdk)]);
    return Object.assign({}, ...(parts as object[])) as TraceSdk & OtlpExporter & Resources;
  } catch (error) {
    const reason = (error as Error).message.split('\n', 1)[0];
    throw new UsageError(`traces need OpenTelemetry in this folder: ${INSTALL} (${reason})`, example);
  }
}

/**
 * Starts to send spans where `--otlp`, or `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, names a receiver. The SDK
 * reads its other variables itself; `OTEL_SERVICE_NAME` replaces `service`.
 *
 * @returns `undefined` without a receiver, and nothing is loaded; also where a variable names one and OpenTelemetry is not installed, which
 * is logged: some platforms set it for all processes
 * @throws UsageError for a wrong URL, or where `--otlp` names a receiver and OpenTelemetry is not installed
 */
export async function traceToOtlp(
  url: string | undefined,
  service: string,
  { logger, example }: { readonly logger: Logger; readonly example: string },
): Promise<OtlpTraces | undefined> {
  const { env } = process;
  const endpoint = url ?? env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (endpoint === undefined || endpoint === '' || env['OTEL_SDK_DISABLED'] === 'true') return undefined;
  if (url !== undefined && (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)))
    throw new UsageError(`--otlp takes an http:// or https:// URL, got ${JSON.stringify(url)}`, example);
  const sdk = await loadSdk(example).catch((error: unknown) => {
    if (url !== undefined || !(error instanceof UsageError)) throw error;
    logger.warn({ reason: error.message }, 'there are no traces, although the environment names a receiver');
    return undefined;
  });
  if (sdk === undefined) return undefined;
  const { BatchSpanProcessor, NodeTracerProvider, OTLPTraceExporter, resourceFromAttributes } = sdk;
  const sender = new OTLPTraceExporter(url === undefined ? {} : { url: `${url.replace(/\/$/, '')}/v1/traces` });
  const exporter = toldExporter(sender, countRepeats(logger, systemClock));
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': env['OTEL_SERVICE_NAME'] ?? service }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  provider.register();
  const { traceWith } = await import('@agentwire/metrics');
  return { tracer: traceWith(provider.getTracer('agentwire')), end: () => provider.shutdown().catch(() => undefined) };
}
