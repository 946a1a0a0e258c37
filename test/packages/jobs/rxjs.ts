import { defineJob } from "mayfly";
import { concatMap, debounceTime, delay, from, lastValueFrom, merge, of, scan, toArray } from "rxjs";

export default defineJob(async () => {
  const doubled = from([1, 2, 3]).pipe(
    concatMap((value) => of(value * 2).pipe(delay(2))),
    scan((sum, value) => sum + value, 0),
    toArray(),
  );
  const typed = merge(of("m"), of("ma"), of("may").pipe(delay(20))).pipe(debounceTime(8), toArray());
  return { sums: await lastValueFrom(doubled), settled: await lastValueFrom(typed) };
});
