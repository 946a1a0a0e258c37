// What of node:net needs no socket: whether a text is an address. The rest refuses (refuse.ts).
import { web } from "./web.ts";

function isIPv4(text: unknown): boolean {
  const numbers = String(text).split(".");
  return numbers.length === 4 && numbers.every((each) => /^(?:0|[1-9]\d{0,2})$/.test(each) && Number(each) <= 255);
}

/** With a zone, as in `fe80::1%eth0`. */
function isIPv6(text: unknown): boolean {
  const [address = "", ...zones] = String(text).split("%");
  const hasZone = zones.length > 0;
  if (hasZone && (zones.length > 1 || !/^[0-9a-zA-Z\-.:]+$/.test(zones[0] ?? ""))) return false;
  return /^[0-9a-fA-F:.]+$/.test(address) && address.includes(":") && web.URL.canParse(`http://[${address}]/`);
}

export default {
  isIP: (text: unknown) => (isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0),
  isIPv4,
  isIPv6,
  getDefaultAutoSelectFamily: () => true,
  setDefaultAutoSelectFamily() {},
  getDefaultAutoSelectFamilyAttemptTimeout: () => 250,
  setDefaultAutoSelectFamilyAttemptTimeout() {},
};
