// node:http: clients over fetch.
import { httpOnly, makeClient } from "./http-client.ts";

export default { ...makeClient("http"), ...httpOnly };
