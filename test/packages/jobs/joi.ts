import Joi from "joi";
import { defineJob } from "mayfly";

const schema = Joi.object({
  name: Joi.string().min(2).required(),
  age: Joi.number().integer().min(18),
  country: Joi.string().valid("CH", "DE").default("CH"),
});

export default defineJob(() => {
  const good = schema.validate({ name: "Ada", age: "36" });
  const bad = schema.validate({ age: 7 }, { abortEarly: false });
  return { value: good.value, wrong: bad.error?.details.map(({ message }) => message) };
});
