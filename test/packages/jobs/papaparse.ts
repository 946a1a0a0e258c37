import { defineJob } from "mayfly";
import Papa from "papaparse";

export default defineJob(() => {
  const text = 'sku,name,price\n1,"Tea, green",4.5\n2,"Jam ""red""",3\n';
  const { data, errors } = Papa.parse<{ price: number }>(text, {
    header: true,
    dynamicTyping: true,
    skipEmptyLines: true,
  });
  return { data, errors, text: Papa.unparse(data, { delimiter: ";" }) };
});
