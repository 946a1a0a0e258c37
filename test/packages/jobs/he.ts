import * as he from "he";
import { defineJob } from "mayfly";

export default defineJob(() => ({
  decoded: he.decode("caf&eacute; &#x1F375; &lt;b&gt; &notin"),
  encoded: he.encode("é <😀>", { useNamedReferences: true }),
}));
