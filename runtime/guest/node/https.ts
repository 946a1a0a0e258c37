// node:https: clients over fetch. Certificates are checked by the runtime, whatever a caller's options say.
import { makeClient } from "./http-client.ts";

export default makeClient("https");
