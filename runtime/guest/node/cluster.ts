// What node:cluster says of a process that is alone. The rest refuses (refuse.ts).

export default {
  isMaster: true,
  isPrimary: true,
  isWorker: false,
  worker: undefined,
  workers: {},
  settings: {},
  schedulingPolicy: 2,
  SCHED_NONE: 1,
  SCHED_RR: 2,
};
