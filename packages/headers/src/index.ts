export * from './apply-header-ops.ts';
export * from './cow-header-map.ts';
export * from './header-map.ts';
export * from './header-validation.ts';
export * from './hop-by-hop.ts';
export * from './intern-header-name.ts';
export * as names from './names.ts';
export * from './names.ts';
