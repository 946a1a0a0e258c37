import { defineJob } from "mayfly";
import semver from "semver";

export default defineJob(() => ({
  sorted: semver.sort(["1.10.0", "1.2.0", "1.10.0-rc.1"]),
  fits: semver.satisfies("1.4.2", "^1.2 || >=3"),
  next: semver.inc("1.2.3", "minor"),
  least: semver.minVersion("~2.3")?.version,
}));
