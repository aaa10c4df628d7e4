import { createGrpcTransport } from '@agentwire/transport-grpc';
const A = { role: 'agent', name: 'a', version: '1', features: [], encodings: [] } as const;
let n = 0; let agent: any;
const l = await createGrpcTransport().listen('grpc://127.0.0.1:0', { self: A, onConnection: (c) => { agent = c; return { onMessage: (m: any) => { n++; c.send({ type: 'answer', id: m.id, decision: { verdict: { type: 'allow' } } }); }, onClose() {} }; } });
let got = 0; const data = new Uint8Array(65536); let go: () => void = () => {};
const writes: number[] = [];
const c = await createGrpcTransport().connect(l.address, { self: { ...A, role: 'proxy' } as never, onConnection: (c) => ({ onMessage: () => { got++; go(); }, onClose() {}, onDrain() {} }) });
const http2 = await import('node:http2');
for (const inflight of [1, 4, 16, 64]) {
  got = 0; let sent = 0; const t0 = performance.now();
  await new Promise<void>((resolve) => { go = () => { if (performance.now() - t0 > 1000) { if (got === sent) resolve(); return; } c.send({ type: 'requestBodyChunk', id: 'x', index: sent++, data, last: false }); }; for (let i = 0; i < inflight; i++) go(); });
  console.log(inflight, (sent * 65536 / 1e9).toFixed(3), 'GB/s');
}
c.abort(); await l.close(); process.exit(0);
