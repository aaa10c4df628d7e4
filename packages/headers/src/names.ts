/** Authority that the client asked for. */
export const HOST = 'host';
/** Media type of the body. */
export const CONTENT_TYPE = 'content-type';
/** Bytes in the body. */
export const CONTENT_LENGTH = 'content-length';
/** Software of the client. */
export const USER_AGENT = 'user-agent';
/** Media types that the client accepts. */
export const ACCEPT = 'accept';
/** Content codings that the client accepts. */
export const ACCEPT_ENCODING = 'accept-encoding';
/** Languages that the client prefers. */
export const ACCEPT_LANGUAGE = 'accept-language';
/** Credentials of the client for the origin. */
export const AUTHORIZATION = 'authorization';
/** Cookies that the client sends back. */
export const COOKIE = 'cookie';
/** A cookie that the server sets; several never join into one value. */
export const SET_COOKIE = 'set-cookie';
/** Directives for caches. */
export const CACHE_CONTROL = 'cache-control';
/** Options of this hop, and the names of further hop-by-hop headers. */
export const CONNECTION = 'connection';
/** Date of the message. */
export const DATE = 'date';
/** Validator of the representation. */
export const ETAG = 'etag';
/** Condition: the representation is one of these. */
export const IF_MATCH = 'if-match';
/** Condition: the representation is none of these. */
export const IF_NONE_MATCH = 'if-none-match';
/** Condition: changed after this date. */
export const IF_MODIFIED_SINCE = 'if-modified-since';
/** Date of the representation's last change. */
export const LAST_MODIFIED = 'last-modified';
/** Target of a redirect, or a created resource. */
export const LOCATION = 'location';
/** Origin that caused a cross-origin request. */
export const ORIGIN = 'origin';
/** Page that the request came from. */
export const REFERER = 'referer';
/** Software of the server. */
export const SERVER = 'server';
/** Framing of the body on this hop. */
export const TRANSFER_ENCODING = 'transfer-encoding';
/** Request headers that chose the representation. */
export const VARY = 'vary';
/** Client addresses as the proxies on the way saw them. */
export const X_FORWARDED_FOR = 'x-forwarded-for';
/** Scheme that the client used. */
export const X_FORWARDED_PROTO = 'x-forwarded-proto';
/** Host that the client asked the first proxy for. */
export const X_FORWARDED_HOST = 'x-forwarded-host';
/** Client address as the nearest proxy saw it. */
export const X_REAL_IP = 'x-real-ip';
/** Id of the request, given by the first hop. */
export const X_REQUEST_ID = 'x-request-id';
/** Id shared by requests that belong together. */
export const X_CORRELATION_ID = 'x-correlation-id';
/** Id of the distributed trace. */
export const X_TRACE_ID = 'x-trace-id';
/** Id of the span within the trace. */
export const X_SPAN_ID = 'x-span-id';
