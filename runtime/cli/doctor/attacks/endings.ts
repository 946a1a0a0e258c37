// Attacks on what must hold when something dies or is altered: an executor that crashes, an audit log with a turned byte.
import { type Attack, endOf, type Seen } from "../attack.ts";

export function endingAttacks(): Attack[] {
  return [crash("SIGSEGV"), crash("SIGABRT"), turnedByte];
}

function crash(signal: "SIGSEGV" | "SIGABRT"): Attack {
  return {
    group: "crash",
    name: signal,
    tries: `${signal} to an executor in the midst of a run`,
    expects: "the run is a crash and torn down, the next one starts",
    jobs: { attack: { body: 'c.log.info("here"); await new Promise(() => {});' } },
    async run(bench): Promise<Seen> {
      const run = await bench.start("attack");
      await bench.logged(run, "here");
      bench.signal(run.pid, signal);
      const record = await run.done;
      const next = await bench.harmless();
      const crashed = record.state === "failed" && record.error?.code === "crash";
      const gone = record.teardown.process === "confirmed" && record.teardown.directory === "confirmed";
      return {
        held: crashed && gone && next.state === "succeeded",
        saw: `${endOf(record)}, process ${record.teardown.process}; the next run: ${next.state}`,
      };
    },
  };
}

const turnedByte: Attack = {
  group: "audit",
  name: "a turned byte",
  tries: "one byte of one entry, in the ledger's file",
  expects: "the entry is named; the log holds before",
  jobs: { attack: { body: "return 1;" } },
  async run(bench): Promise<Seen> {
    await bench.run("attack");
    const whole = await bench.auditHolds(0);
    const turned = await bench.auditHolds(1);
    return {
      held: !turned.ok,
      saw: turned.said,
      ...(whole.ok ? {} : { blind: `the log doesn't hold as it is: ${whole.said}` }),
    };
  },
};
