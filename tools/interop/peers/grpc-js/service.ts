import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';

const ROOT = fileURLToPath(new URL('../../../../proto', import.meta.url));

/** A message as protobuf's JSON has it: 64-bit numbers are text, bytes are base64, absent is absent. */
export type Json = Readonly<Record<string, unknown>>;

/** Longest message of the protocol. */
export const CHANNEL_OPTIONS: grpc.ChannelOptions = {
  'grpc.max_receive_message_length': 10 * 1024 * 1024,
  'grpc.max_send_message_length': 10 * 1024 * 1024,
};

function load(): grpc.ServiceClientConstructor {
  const definition = loader.loadSync('zentinel/agent/v2/agent.proto', {
    includeDirs: [ROOT],
    longs: String,
    bytes: String,
  });
  const service = definition['zentinel.agent.v2.AgentServiceV2'];
  if (service === undefined) throw new Error('the .proto has no service AgentServiceV2');
  const { zentinel } = grpc.loadPackageDefinition(definition) as {
    zentinel: { agent: { v2: { AgentServiceV2: grpc.ServiceClientConstructor } } };
  };
  return zentinel.agent.v2.AgentServiceV2;
}

/** The service as @grpc/proto-loader reads it from the .proto. */
export const AgentServiceV2: grpc.ServiceClientConstructor = load();
