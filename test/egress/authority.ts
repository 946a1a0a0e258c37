// Certificates of the test's own, made by the openssl command: an authority in a directory, what it issues, and what it
// takes back.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";

export interface Wanted {
  names: readonly string[];
  addresses?: readonly string[];
  expired?: boolean;
  /** Signed by itself, not by the authority. */
  selfSigned?: boolean;
}

export interface Issued {
  key: string;
  cert: string;
}

export interface Authority {
  /** PEM. */
  certificate: string;
  issue(wanted: Wanted): Issued;
  /** PEM: the list of what was taken back, with these on it. */
  revocationList(...revoked: readonly Issued[]): string;
}

const keyOptions = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const caConfig =
  "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=2\n";

export function makeAuthority(t: Test): Authority {
  const directory = mkdtempSync(join(t.testdir(), "ca-"));
  const file = (name: string) => join(directory, name);
  const openssl = (...args: string[]) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "ignore", "ignore"] });
  const read = (name: string) => readFileSync(file(name), "utf8");
  const subject = ["-subj", "/CN=Test authority"];
  openssl("req", "-x509", ...keyOptions, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", ...subject);
  writeFileSync(file("ca.conf"), caConfig);
  writeFileSync(file("index.txt"), "");
  writeFileSync(file("crlnumber"), "01\n");
  const names = new Map<string, string>();
  let count = 0;

  function issue({ names: dnsNames, addresses = [], expired = false, selfSigned = false }: Wanted): Issued {
    count += 1;
    const name = `leaf-${count}`;
    const all = [...dnsNames.map((each) => `DNS:${each}`), ...addresses.map((each) => `IP:${each}`)].join(",");
    writeFileSync(file(`${name}.ext`), `subjectAltName=${all}\n`);
    openssl("req", ...keyOptions, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", "/CN=Test");
    const by = selfSigned ? ["-signkey", `${name}.key`] : ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    const life = ["-days", expired ? "-1" : "1"];
    openssl("x509", "-req", "-in", `${name}.csr`, ...by, ...life, "-extfile", `${name}.ext`, "-out", `${name}.pem`);
    const issued = { key: read(`${name}.key`), cert: read(`${name}.pem`) };
    names.set(issued.cert, name);
    return issued;
  }

  function revocationList(...revoked: readonly Issued[]): string {
    const by = ["-config", "ca.conf", "-keyfile", "ca.key", "-cert", "ca.pem"];
    for (const { cert } of revoked) openssl("ca", ...by, "-revoke", `${names.get(cert) ?? ""}.pem`);
    openssl("ca", ...by, "-gencrl", "-out", "crl.pem");
    return read("crl.pem");
  }

  return { certificate: read("ca.pem"), issue, revocationList };
}
