// Where the packages of the suite come from.
import { makeOnDemand } from "../support/on-demand.ts";

export const { versions: packageVersions, findInstalled, install } = makeOnDemand(import.meta.dirname);
