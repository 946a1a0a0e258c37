// The same questions to a job and to Node: the answers must be the same.
import type { Test } from "tap";
import { type JobUnderTest, openRuns } from "../support/runs.ts";

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (body: string) => () => Promise<unknown>;
/** Runs where there is Node, and where there is not. */
const asked = (body: string) =>
  `try { return await (async () => { ${body} })() } catch (e) { return "threw " + e.name }`;

/**
 * @param questions bodies of async functions, by what they are about; `name of what is thrown` stands for an error.
 * @param job what the run has beside its body.
 */
export async function askBoth(t: Test, questions: Record<string, string[]>, job: JobUnderTest = {}): Promise<void> {
  const runs = await openRuns(
    Object.fromEntries(
      Object.entries(questions).map(([name, bodies]) => [
        name,
        {
          ...job,
          body: `const answers = []; for (const ask of [${bodies.map((body) => `async () => { ${asked(body)} }`).join(", ")}]) answers.push(await ask() ?? null); return answers;`,
        },
      ]),
    ),
  );

  for (const [name, bodies] of Object.entries(questions)) {
    t.test(`${name}, where the guest's answer is another than Node's`, async (t) => {
      const record = await runs.run(name);
      t.equal(record.state, "succeeded", record.error?.message ?? "");
      for (const [index, body] of bodies.entries()) {
        const expected = JSON.parse(JSON.stringify((await new AsyncFunction(asked(body))()) ?? null));
        t.same((record.result as unknown[])[index], expected, body);
      }
    });
  }

  t.test("what all of them left behind", (t) => runs.end(t));
}
