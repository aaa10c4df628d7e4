import type { Lab } from '../lab.ts';

const USERS = 500;

/** Shares are near the weights, a user keeps its version, and a change of weights moves only those that it must. */
export async function check(lab: Lab): Promise<void> {
  await lab.agent('canary');
  const url = await lab.gateway(({ headers }, response) => response.end(String(headers['x-version'])), ['canary']);
  const ask = async (user: number): Promise<string> =>
    (await fetch(url, { headers: { cookie: `a=b; session=user-${user}`, 'x-version': 'canary' } })).text();
  const askAll = async (): Promise<string[]> => {
    const answers: string[] = [];
    for (let user = 0; user < USERS; user += 50)
      answers.push(...(await Promise.all(Array.from({ length: 50 }, (_, at) => ask(user + at)))));
    return answers;
  };
  const release = async (versions: Record<string, number>): Promise<{ accepted: boolean; answers: string[] }> => {
    const { accepted } = await lab.pool.pushConfig('canary', {
      config: { versions },
      version: JSON.stringify(versions),
    });
    const answers = await askAll();
    const shares = Object.keys(versions).map((name) => `${name} ${answers.filter((answer) => answer === name).length}`);
    lab.say(`${JSON.stringify(versions)}: ${shares.join(', ')} of ${USERS} users`);
    return { accepted, answers };
  };
  const count = (answers: readonly string[], name: string): number =>
    answers.filter((answer) => answer === name).length;

  lab.check('without weights all are on stable, whatever they ask for', count(await askAll(), 'stable') === USERS);
  const ten = (await release({ stable: 90, canary: 10 })).answers;
  lab.check('about 10 % are on canary', Math.abs(count(ten, 'canary') - USERS * 0.1) < USERS * 0.05);
  lab.check(
    'a user keeps its version',
    (await askAll()).every((version, user) => version === ten[user]),
  );
  const half = (await release({ stable: 50, canary: 50 })).answers;
  lab.check('about half are on canary', Math.abs(count(half, 'canary') - USERS * 0.5) < USERS * 0.1);
  lab.check(
    'no user who was on canary left it',
    ten.every((version, user) => version === 'stable' || half[user] === 'canary'),
  );
  const third = (await release({ stable: 50, canary: 50, next: 25 })).answers;
  lab.check(
    'a new version takes users, and moves none between the others',
    third.every((version, user) => version === 'next' || version === half[user]),
  );
  const wrong = await release({ stable: -1 });
  lab.check('a wrong weight changes nothing', !wrong.accepted && wrong.answers.join() === third.join());
}
