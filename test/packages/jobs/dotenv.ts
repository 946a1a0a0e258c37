import dotenv from "dotenv";
import { defineJob } from "mayfly";

export default defineJob(() => dotenv.parse("# a comment\nA=1\nexport B=\"two\\nlines\"\nC='as is $A' # why\nD=\n"));
