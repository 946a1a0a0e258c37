import { defineJob } from "mayfly";
import * as v from "valibot";

const Login = v.object({
  email: v.pipe(v.string(), v.trim(), v.toLowerCase(), v.email()),
  password: v.pipe(v.string(), v.minLength(8, "too short")),
});

export default defineJob(() => {
  const good = v.parse(Login, { email: " Ada@Example.ORG ", password: "engine-no-1" });
  const bad = v.safeParse(Login, { email: "ada", password: "short" });
  return { email: good.email, password: bad.success ? [] : v.flatten<typeof Login>(bad.issues).nested?.password };
});
