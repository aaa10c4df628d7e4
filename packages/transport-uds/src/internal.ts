// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export {
  prepareSocketFile,
  type SocketFileOptions,
  type UnboundSocketFile,
} from '@agentwire/transport-framed/internal';
