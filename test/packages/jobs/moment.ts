import { defineJob } from "mayfly";
import moment from "moment";

export default defineJob(() => {
  const day = moment.utc("26/11/2026", "DD/MM/YYYY", true);
  return {
    quarter: day.quarter(),
    end: day.clone().endOf("quarter").format("dddd, MMMM Do YYYY"),
    invalid: moment.utc("31/02/2026", "DD/MM/YYYY", true).isValid(),
    took: moment.duration(5_400, "seconds").humanize(),
  };
});
