// The partner's API and somebody who has the run's token, in one process apart from the supervisor's. Asks the partner
// with it, over one connection kept alive, one request after another without a pause, until the first refusal.
import { Agent, get } from "node:http";
import { startPartner } from "../partner.ts";
import { endWithParent, sayToParent } from "./child.ts";
import { openHold } from "./hold.ts";
import { machineMs } from "./stats.ts";

const admittedMin = 3;

let orders = "";
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

async function hold(authorization: string): Promise<void> {
  for (let admitted = 0; admitted < admittedMin; admitted += 1) {
    const status = await ask(authorization);
    if (status !== 200) throw new Error(`the partner answered ${status} to a live token`);
  }
  void untilRefused(authorization);
}

async function untilRefused(authorization: string): Promise<void> {
  for (;;) {
    const status = await ask(authorization);
    if (status === 200) continue;
    sayToParent({ status, refusedAt: machineMs() });
    return;
  }
}

function ask(authorization: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = get(`${orders}?limit=1`, { agent, headers: { authorization } }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
    request.once("error", reject);
  });
}

endWithParent();
process.once("message", async ({ issuerUrl, audience }: { issuerUrl: string; audience: string }) => {
  const partner = await startPartner({ port: 0, issuerUrl, audience });
  orders = `${partner.url}/v1/orders`;
  sayToParent({ partner: partner.url });
});
sayToParent(await openHold(hold));
