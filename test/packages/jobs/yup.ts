import { defineJob } from "mayfly";
import * as yup from "yup";

const schema = yup.object({
  name: yup.string().trim().required(),
  born: yup.date().max(new Date("2026-01-01")),
  tags: yup.array().of(yup.string().lowercase().required()),
});

export default defineJob(async () => {
  const good = await schema.validate({ name: " Ada ", born: "1815-12-10", tags: ["Maths"] });
  const wrong = await schema
    .validate({ name: "", born: "2030-01-01", tags: [] }, { abortEarly: false })
    .then(() => [])
    .catch((error: yup.ValidationError) => error.errors);
  return { name: good.name, born: good.born, tags: good.tags, wrong };
});
