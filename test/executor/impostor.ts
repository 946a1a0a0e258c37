// Scripts that stand in an executor's place, behind the very same walls: what an escaped job could make its process do.

const preamble = `
const { writeSync } = require("node:fs");
const { Socket } = require("node:net");
const raw = (bytes) => { for (let at = 0; at < bytes.length; ) { try { at += writeSync(3, bytes, at); } catch (e) { if (e.code !== "EAGAIN") throw e; } } };
const frame = (header, body = "") => {
  const h = Buffer.from(typeof header === "string" ? header : JSON.stringify(header)), b = Buffer.from(body);
  const lengths = Buffer.alloc(8); lengths.writeUInt32BE(h.length, 0); lengths.writeUInt32BE(b.length, 4);
  return Buffer.concat([lengths, h, b]);
};
const say = (header, body) => raw(frame(header, body));
const done = (value) => say({ type: "done" }, JSON.stringify(value));
const pipe = new Socket({ fd: 3, readable: true, writable: true });
pipe.on("end", () => process.exit(0)); pipe.on("error", (error) => { console.error(error); process.exit(9); });
`;

/** Says that it is ready, and does `onLaunch` (JavaScript) once the job is handed over; `replies` collects what comes after. */
export function impostor(onLaunch: string, beforeReady = ""): string {
  return `${preamble}
const replies = [];
let held = Buffer.alloc(0), launched = false;
pipe.on("data", (chunk) => {
  held = Buffer.concat([held, chunk]);
  while (held.length >= 8) {
    const h = held.readUInt32BE(0), total = 8 + h + held.readUInt32BE(4);
    if (held.length < total) return;
    const header = JSON.parse(held.subarray(8, 8 + h).toString());
    held = held.subarray(total);
    if (header.type === "launch" && !launched) { launched = true; act(); } else if (header.id !== 0) { replies.push(header); onReply(header); }
  }
});
let onReply = () => {};
async function act() { ${onLaunch} }
${beforeReady}
say({ type: "ready" });
`;
}
