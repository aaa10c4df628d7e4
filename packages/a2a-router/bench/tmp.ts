import { createA2ARouter, ProcessTable, payload, target, createChain, gateDecision, createMessage } from '@agentwire/a2a-router';
const settings=(o={})=>createA2ARouter({processTable:new ProcessTable({capacity:256}),...o});
function make(o={}){const r=settings(o);const a=r.processTable.insert({agentId:'a',capabilities:{maxMessages:Infinity}});const b=r.processTable.insert({agentId:'b',capabilities:{maxMessages:Infinity}});return {r,a:r.register(a,{capacity:100000}),b:r.register(b,{capacity:100000})};}
async function sends(name,o,n=1_000_000){const {r,a,b}=make(o);const to=target.process(b.pid);const body=payload.text('hello agent');
 const round=async(k)=>{for(let i=0;i<k;i++){await a.send(to,body);b.inbox.poll();}};
 await round(50000);const u=process.cpuUsage();const s=performance.now();await round(n);const e=performance.now();const w=process.cpuUsage(u);console.log(((w.user+w.system)/n).toFixed(2),"cpu µs",name,Math.round(n/(e-s)*1000).toLocaleString());}
async function sendsNoAwait(name,o,n=1_000_000){const {r,a,b}=make(o);const to=target.process(b.pid);const body=payload.text('hello agent');
 const round=async(k)=>{for(let i=0;i<k;i+=500){let p;for(let j=0;j<500;j++)p=a.send(to,body);await p;for(let j=0;j<500;j++)b.inbox.poll();}};
 await round(50000);const u=process.cpuUsage();const s=performance.now();await round(n);const e=performance.now();const w=process.cpuUsage(u);console.log(((w.user+w.system)/n).toFixed(2),"cpu µs",name,Math.round(n/(e-s)*1000).toLocaleString());}
async function req(name,o,n=300_000){const {r,a,b}=make(o);const to=target.process(b.pid);const body=payload.text('hello agent');
 (async()=>{for await(const m of b.inbox)void m.reply(body);})();
 const round=async(k)=>{for(let i=0;i<k;i++)await a.request(to,body);};
 await round(20000);const u=process.cpuUsage();const s=performance.now();await round(n);const e=performance.now();const w=process.cpuUsage(u);console.log(((w.user+w.system)/n).toFixed(2),"cpu µs",name,Math.round(n/(e-s)*1000).toLocaleString());}
async function req64(name,o,n=300_000){const {r,a,b}=make(o);const to=target.process(b.pid);const body=payload.text('hello agent');
 (async()=>{for await(const m of b.inbox)void m.reply(body);})();
 const round=async(k)=>{for(let i=0;i<k;i+=64)await Promise.all(Array.from({length:64},()=>a.request(to,body)));};
 await round(20000);const u=process.cpuUsage();const s=performance.now();await round(n);const e=performance.now();const w=process.cpuUsage(u);console.log(((w.user+w.system)/n).toFixed(2),"cpu µs",name,Math.round(n/(e-s)*1000).toLocaleString());}
const gate={check:()=>gateDecision.permit};
for (let i=0;i<3;i++){
const c=createChain({key:Buffer.alloc(32,1),path:'/tmp/a2abench/c'+i+'.ndjson',fsync:'interval'});
await sends('send file chain interval',{chain:c},500000); await c.close();
}
const c2=createChain({key:Buffer.alloc(32,1),path:'/tmp/a2abench/c2.ndjson',fsync:'always'});
await sendsNoAwait('send file chain always batch500',{chain:c2},300000); await c2.close();
