import { createClient } from "@supabase/supabase-js";
import { defineJob } from "mayfly";

export default defineJob(async ({ input, credential }) => {
  const { origin } = input as { origin: string };
  // The key that tells the project is public; who asks is shown by the token.
  const supabase = createClient(origin, "sb_publishable_example", {
    accessToken: () => credential.fetch(),
    realtime: { transport: class extends EventTarget {} as never }, // a job has no WebSocket, and this one needs none
  });
  const found = await supabase
    .from("orders")
    .select("id,total")
    .gt("total", 5)
    .order("id", { ascending: false })
    .limit(2);
  const added = await supabase.from("orders").insert({ total: 9 }).select().single();
  const called = await supabase.rpc("sum_of_orders", { city: "Bern" });
  return {
    found: found.data,
    added: added.data,
    sum: called.data,
    wrong: (await supabase.from("none").select()).error?.code,
  };
});
