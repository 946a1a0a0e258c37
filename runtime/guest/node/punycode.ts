// node:punycode, which is npm's.
import punycode from "punycode/punycode.js";

export default punycode;
