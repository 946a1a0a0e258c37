// Shows a certificate to a server of the operator's choice: is it still taken there? One request in a connection of its own.
// A server that answers as it does for a certificate that it refuses has refused it; one that can't be reached, or breaks
// off without a word (Node's does), has said nothing.
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import type { ClientCertificate } from "./x509-certificate.ts";

export interface Probe {
  /** https. */
  url: URL;
  /** Absolute path of a PEM file: the authorities that are trusted in the place of Node's own; null for those. */
  ca: string | null;
}

export type Probed = { verdict: "accepted" | "refused" | "unknown"; how: string };

const answerMs = 3_000;
/** nginx says 400 (495 and 496 within) where the certificate isn't taken; others forbid. */
const refusals = [400, 401, 403, 495, 496];

/** Never rejects. */
export async function tryAtProbe({ url, ca }: Probe, shown: ClientCertificate, signal: AbortSignal): Promise<Probed> {
  try {
    return await ask(url, ca === null ? undefined : await readFile(ca), shown, signal);
  } catch (error) {
    return { verdict: "unknown", how: `probe: not asked (${codeOf(error)})` };
  }
}

function ask(url: URL, ca: Buffer | undefined, shown: ClientCertificate, signal: AbortSignal): Promise<Probed> {
  return new Promise((resolve) => {
    const conclude = (verdict: Probed["verdict"], how: string) => {
      asked.destroy();
      resolve({ verdict, how: `probe: ${how}` });
    };
    const asked = request(url, {
      agent: false, // a connection of its own, and no session of an earlier one
      cert: shown.certificate,
      key: shown.privateKey,
      ...(ca === undefined ? {} : { ca }),
      rejectUnauthorized: true,
      minVersion: "TLSv1.2",
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
    });
    asked.on("response", ({ statusCode = 0 }) => {
      if (refusals.includes(statusCode)) conclude("refused", `refused (${statusCode})`);
      else if (statusCode >= 200 && statusCode < 400) conclude("accepted", `accepted (${statusCode})`);
      else conclude("unknown", `an answer that says nothing of it (${statusCode})`);
    });
    asked.on("error", (error) => {
      const code = codeOf(error);
      // The other end's alert; ours, should its certificate not be trusted, has no such name.
      if (/ALERT_/.test(code)) conclude("refused", `refused (${code})`);
      else conclude("unknown", `no answer (${code})`);
    });
    asked.end();
  });
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error ? String(error.code) : error.name;
}
