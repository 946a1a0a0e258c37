import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import { defineJob } from "mayfly";

interface Tables {
  orders: { id: number; city: string; total: number };
}

// Composes SQL; who runs it is the credential's `query`.
const db = new Kysely<Tables>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (each) => new PostgresIntrospector(each),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

export default defineJob(() => {
  const { sql, parameters } = db
    .selectFrom("orders")
    .select(({ fn }) => ["city", fn.sum<number>("total").as("sum")])
    .where("total", ">", 5)
    .groupBy("city")
    .limit(10)
    .compile();
  return { sql, parameters };
});
