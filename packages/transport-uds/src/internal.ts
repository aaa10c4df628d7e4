// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { bindSocketFile, prepareSocketFile, type UnboundSocketFile } from '@agentwire/transport-framed/internal';
