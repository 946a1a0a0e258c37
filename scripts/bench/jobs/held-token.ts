// Takes its token, shows it to the prober at `input.hold` (the way a leak would), and ends when the prober answers: it
// has by then been let in with it several times.
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { hold } = input as { hold: string };
  const token = await credential.fetch();
  const held = await fetch(hold, { headers: { authorization: `Bearer ${token}` } });
  return { held: held.status };
});
