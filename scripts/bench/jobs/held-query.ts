// Makes the run's database role by a first query, and ends when the prober at `input.hold` answers: it has by then a
// session of its own as that role. The prober has the password from the benchmark, since no job ever gets it.
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { hold } = input as { hold: string };
  await credential.query("SELECT 1");
  const held = await fetch(hold);
  return { held: held.status };
});
