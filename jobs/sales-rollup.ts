// Rolls sales up by month and region, into /output/rollup.json and /output/rollup.csv. The queries run under a database
// role that was made for this run, with SELECT on one table; the job never sees its password.
//
//   input   {"from"?, "until"?: first day, and the day after the last one: "2026-01-01"}
//   result  {months, regions, sales, amountCents, best: {month, region, amountCents}}
import { defineJob } from "mayfly";

interface Cell {
  month: string;
  region: string;
  sales: number;
  quantity: number;
  amountCents: number;
}

// Summed by the database: a few hundred cells come back, however many sales there are. bigint comes as text.
const rollup = `
  SELECT to_char(sold_on, 'YYYY-MM'), region, count(*)::int, sum(quantity)::int, sum(amount_cents)::bigint
  FROM public.sales
  WHERE sold_on >= $1::date AND sold_on < $2::date
  GROUP BY 1, 2
  ORDER BY 1, 2`;

export default defineJob(async ({ input, credential, files, log }) => {
  const { from = "2000-01-01", until = "2100-01-01" } = (input ?? {}) as { from?: string; until?: string };
  const { rows } = await credential.query(rollup, [from, until]);
  const cells: Cell[] = rows.map(([month, region, sales, quantity, amountCents]) => ({
    month: String(month),
    region: String(region),
    sales: Number(sales),
    quantity: Number(quantity),
    amountCents: Number(amountCents),
  }));

  await files.write("/output/rollup.json", JSON.stringify(cells, null, 2));
  await files.write("/output/rollup.csv", toCsv(cells));
  log.info("rolled up", { from, until, cells: cells.length });

  const [first, ...others] = cells;
  const best = first && others.reduce((top, cell) => (cell.amountCents > top.amountCents ? cell : top), first);
  return {
    months: new Set(cells.map(({ month }) => month)).size,
    regions: new Set(cells.map(({ region }) => region)).size,
    sales: cells.reduce((sum, { sales }) => sum + sales, 0),
    amountCents: cells.reduce((sum, { amountCents }) => sum + amountCents, 0),
    best: best === undefined ? null : { month: best.month, region: best.region, amountCents: best.amountCents },
  };
});

/** RFC 4180. */
function toCsv(cells: readonly Cell[]): string {
  const lines = ["month,region,sales,quantity,amount_cents"];
  for (const { month, region, sales, quantity, amountCents } of cells) {
    lines.push([month, `"${region.replaceAll('"', '""')}"`, sales, quantity, amountCents].join(","));
  }
  return `${lines.join("\r\n")}\r\n`;
}
