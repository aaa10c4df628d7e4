import { traceWith } from '@agentwire/metrics';
import { trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

/** Sends the spans of this process to an OTLP receiver. @returns a tracer for agentwire, and a function that sends the rest */
export function traceTo(
  url: string,
  service: string,
): { tracer: ReturnType<typeof traceWith>; end: () => Promise<void> } {
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))],
  });
  provider.register();
  // spans of `fetch` in handlers; those that send spans are left out
  const instrumentation = new UndiciInstrumentation();
  instrumentation.enable();
  return { tracer: traceWith(trace.getTracer('agentwire')), end: () => provider.shutdown() };
}
