import { defineJob } from "mayfly";
import validator from "validator";

export default defineJob(() => ({
  iban: validator.isIBAN("CH9300762011623852957"),
  card: [validator.isCreditCard("4111111111111111"), validator.isCreditCard("4111111111111112")],
  mail: validator.normalizeEmail("Ada.Lovelace+news@GMAIL.com"),
  escaped: validator.escape("<a href='x'>"),
}));
