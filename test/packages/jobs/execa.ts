import { execa } from "execa";
import { defineJob } from "mayfly";

export default defineJob(async () => (await execa("ls", ["/"])).stdout);
