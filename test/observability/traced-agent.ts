// An agent in a process of its own: traced, and its handler asks a service over `fetch`. Its spans go to the parent process.
import { allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import { traceWith } from '@agentwire/metrics';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { trace } from '@opentelemetry/api';
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici';
import { traced } from './tracing.ts';

const [address = '', service = ''] = process.argv.slice(2);
const { spans } = traced();
const instrumentation = new UndiciInstrumentation();
instrumentation.enable();

const agent = defineAgent({
  name: 'reputation',
  version: '1',
  async onRequestHeaders(request, context) {
    if (request.uri === '/throw') throw new Error('the handler failed');
    const answer = await fetch(`${service}/score`, { headers: { 'x-handler-traceparent': context.traceparent ?? '' } });
    return (await answer.text()) === 'bad' ? block(403) : allow();
  },
  onResponseHeaders: () => allow(),
});
const server = await serveAgent(agent, {
  transports: [createUdsTransport(), createGrpcTransport()],
  listen: [address],
  tracer: traceWith(trace.getTracer('agent')),
  logger: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
});
process.on('message', () => process.send?.({ spans: spans() }));
process.once('disconnect', () => void server.close());
process.send?.({ endpoint: server.endpoints[0] });
