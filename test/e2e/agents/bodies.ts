import { allow, block, defineAgent, replace } from '@agentwire/agent';

/** Agent for the test of bodies: the path of a request decides what happens to its body and to that of its response. */
export default defineAgent({
  name: 'bodies',
  version: '1.0.0',
  requestBody: true,
  responseBody: true,

  async onRequestHeaders(request) {
    switch (request.path) {
      case '/replace':
        return allow().replaceBody((await request.text({ hold: true, decode: true })).toUpperCase());
      case '/redact':
        return allow().replaceText(/secret-\d{1,9}/, '***');
      case '/preview': {
        const begin = Buffer.from(await request.body.preview(4, { hold: true })).toString();
        return begin.startsWith('bad') ? block(403, 'bad begin') : allow().setRequestHeader('x-begin', begin);
      }
      case '/each': {
        let pieces = 0;
        for await (const _ of request.body) pieces += 1;
        return allow().withCustom('pieces', pieces);
      }
      case '/skip':
        for await (const _ of request.body) {
          request.body.skipRest();
          break;
        }
        return allow();
      default:
        return allow().done();
    }
  },

  async onResponseHeaders(response, context) {
    switch (context.request?.path) {
      case '/replace':
        return allow().replaceBody(`<${await response.text({ hold: true, decode: true })}>`);
      case '/redact':
        return allow().replaceText('token', '[token]').setResponseHeader('x-redacted', '1');
      case '/chunks':
        return allow();
      default:
        return allow().done();
    }
  },

  onResponseBodyChunk(chunk) {
    return replace(Buffer.from(chunk.data).toString().toUpperCase());
  },
});
