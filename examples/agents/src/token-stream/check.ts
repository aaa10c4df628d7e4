import { once } from 'node:events';
import type { Lab } from '../lab.ts';

const event = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`;

/** Answers of the model, by path: tokens of a stream. */
const ANSWERS: Record<string, readonly string[]> = {
  '/good': ['The ', 'laun', 'ch of ', 'the pro', 'ject ', 'went well.'],
  '/bad': ['Sure! ', 'The ', 'la', 'UN', 'ch\n', ' co', 'de is ', '1234', '.'],
};

/** Reads a stream of events. @returns the text of its tokens, and how it ended */
async function read(response: Response, onText: (text: string) => void): Promise<{ text: string; end: string }> {
  let [text, end, rest] = ['', '', ''];
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const events = (rest + piece).split('\n\n');
    rest = events.pop() ?? '';
    for (const data of events.map((line) => line.slice('data: '.length))) {
      if (data === '[DONE]') return { text, end };
      const [choice] = (JSON.parse(data) as { choices: { delta: { content?: string }; finish_reason?: string }[] })
        .choices;
      end = choice?.finish_reason ?? end;
      onText((text += choice?.delta.content ?? ''));
    }
  }
  return { text, end };
}

/** Tokens stream until a phrase begins; nothing of a forbidden one arrives, however it is cut; a harmless beginning does. */
export async function check(lab: Lab): Promise<void> {
  await lab.agent('token-stream', { FORBIDDEN_PHRASES: 'launch code|project nightfall' });
  const arrived = Promise.withResolvers<void>();
  const url = await lab.gateway(
    (request, response) => {
      const path = request.url ?? '';
      if (path.startsWith('/whole'))
        return response
          .setHeader('content-type', 'application/json')
          .end(JSON.stringify({ choices: [{ message: { content: ANSWERS[path.slice('/whole'.length)]?.join('') } }] }));
      response.setHeader('content-type', 'text/event-stream');
      const stream = async (): Promise<void> => {
        for (const [at, token] of (ANSWERS[path] ?? []).entries()) {
          // in two parts, so that borders of chunks are no borders of events
          const bytes = event(token);
          response.write(bytes.slice(0, 20));
          if (!response.write(bytes.slice(20))) await once(response, 'drain');
          if (path === '/good' && at === 0) await arrived.promise;
        }
        response.end('data: [DONE]\n\n');
      };
      return void stream();
    },
    ['token-stream'],
  );

  const good = await read(await fetch(`${url}/good`), () => arrived.resolve());
  lab.say(`good: ${JSON.stringify(good.text)}`);
  lab.check(
    'a token arrives before the next one is sent, and the answer is whole',
    good.text === ANSWERS['/good']?.join(''),
  );
  const bad = await read(await fetch(`${url}/bad`), () => {});
  lab.say(`bad:  ${JSON.stringify(bad.text)}, ${bad.end}`);
  lab.check('nothing of a forbidden phrase arrives', bad.text === 'Sure! The ');
  lab.check('the stream says why it ended', bad.end === 'content_filter');
  lab.check('an answer in one piece passes', (await fetch(`${url}/whole/good`)).status === 200);
  lab.check('or is blocked', (await fetch(`${url}/whole/bad`)).status === 403);
}
