export { applyHeaderOps, checkHeaderOps } from './apply-header-ops.ts';
export { CowHeaderMap, fromCowOptimized, toCowOptimized } from './cow-header-map.ts';
export { HeaderMap } from './header-map.ts';
export type { HeaderObject, HeaderSource } from './header-map.ts';
export { checkHeaderName, checkHeaderValue, isValidHeaderName, isValidHeaderValue } from './header-validation.ts';
export { HOP_BY_HOP_NAMES, isHopByHop, nominatedNames, stripHopByHop } from './hop-by-hop.ts';
export { internHeaderBytes, internHeaderName } from './intern-header-name.ts';
export * as names from './names.ts';
