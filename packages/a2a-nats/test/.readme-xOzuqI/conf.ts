import { writeFileSync } from 'node:fs';
import { formatPermissions, type NodeGrants, nodePermissions } from '@agentwire/a2a-nats';

const passwords = { admin: 'change-me-1', shop: 'change-me-2', desk: 'change-me-3' };
const grants: Record<'shop' | 'desk', NodeGrants> = {
  shop: { services: { serve: ['prices'] }, topics: { publish: ['offers.>'] }, durable: true },
  desk: { services: { call: ['prices'] }, topics: { subscribe: ['offers.*'] }, durable: true },
};
const users = (['shop', 'desk'] as const).map(
  (node) =>
    `{ user: ${node}, password: "${passwords[node]}", ${formatPermissions(nodePermissions(node, grants[node]))} }`,
);
const conf = `listen: "127.0.0.1:4222"
jetstream: { store_dir: "./jetstream" }
authorization: { users: [
  { user: admin, password: "${passwords.admin}" }
  ${users.join('\n  ')}
] }`;
writeFileSync('nats.conf', conf);
