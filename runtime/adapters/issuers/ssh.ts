// The issuer of SSH certificates: one a run, for minutes, good for one command of the config on hosts that trust its
// authority (`ca.pub`). Hosts read the revocation list (`revoked.krl`) at every login, and that is what ends one before its
// time. Answers for issuing, ending and proving; the parts are ssh-authority.ts, ssh-certificate.ts, ssh-krl.ts,
// ssh-publication.ts, and for what the supervisor does with one ssh-session.ts, ssh-client.ts, ssh-agent.ts, ssh-place.ts.
//
// A certificate's life: signed → noted → registered (durable, before anybody has it) → active → revoked: in the registry,
// then on the list that is published · expired. A second one for the same run ends the first in the registry's own
// transaction. sshd looks at the list when somebody logs in, and never again: our own sessions are ended here, those that
// a thief opened before are the host's to end.
import { escapeLine, quote } from "../../model/error.ts";
import { runIdDigits } from "../../model/ids.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CredentialIssuer,
  type IssuedCredential,
  type IssueRequest,
  IssuerFailure,
  type LeaseRef,
  type Proof,
} from "../../ports/credential-issuer.ts";
import type { Random } from "../../ports/random.ts";
import type { TokenRegistry } from "../../ports/token-registry.ts";
import { type Authority, type AuthorityParts, openAuthority } from "./ssh-authority.ts";
import { certificateType, signCertificate } from "./ssh-certificate.ts";
import { runSsh, type SshClientParts, type SshHost, type SshLogin, type SshPrograms } from "./ssh-client.ts";
import { makeKeyPair, privateKeyText, publicLine, readPrivateKey, secretLines, signingKey } from "./ssh-keys.ts";
import { openPlace } from "./ssh-place.ts";
import { keptMs, listFile, openPublication, type Publication, serialOf, serialText } from "./ssh-publication.ts";
import { failureOf, makeLeaseSessions } from "./ssh-session.ts";

export interface SshCommand {
  /** One line for the user's shell at the host. */
  run: string;
  /** In the certificate; the host's AuthorizedPrincipalsFile says whom it may be, the user of that name otherwise. */
  principal: string;
  /** As whom to log in. */
  user: string;
}

export interface SshIssuerParts extends AuthorityParts {
  host: SshHost;
  commands: ReadonlyMap<string, SshCommand>;
  /** CIDR blocks from which a certificate is good; empty for anywhere. */
  sourceAddresses: readonly string[];
  registry: TokenRegistry;
  /** Absolute: where `ca.pub` and `revoked.krl` are put. */
  directory: string;
  /** Absolute, 0700, of the state directory: for sockets. */
  places: string;
  programs: SshPrograms;
  clock: Clock;
  random: Random;
}

/** A host's clock may be behind by so much. */
const skewMs = 300_000;
/** A revocation before it and its own record fit into the broker's ten seconds. */
const probeMs = 4_000;
const probeBytesMax = 65_536;

/**
 * Opens the issuer: makes or reads its authority, and publishes it with its list.
 * @throws MayflyError `state_directory`, `key_unavailable`; whatever the file system says of the directory.
 */
export async function makeSshIssuer(parts: SshIssuerParts): Promise<CredentialIssuer> {
  const { name, registry, clock, random, commands } = parts;
  const authority = await openAuthority(parts);
  const publication = await openPublication({ ...parts, authority });
  const place = openPlace(parts.places, random);
  const client: SshClientParts = { ...parts, place };
  const sessions = makeLeaseSessions(client);

  return {
    kind: "ssh",

    checkScope(scope) {
      commandOf(commands, scope);
    },

    async issue(request, signal, note): Promise<IssuedCredential> {
      const command = commandOf(commands, request.scope);
      requireClient(parts.programs);
      refuseIfAborted(signal, "sign a certificate");
      const { runId } = request.lease;
      const { serial, expiresAt, secret, secretParts } = makeCredential(request, command, parts, authority);
      const row = { jti: serialText(serial), issuer: name, runId, expiresAt };
      await reach("note the certificate", signal, async () => note?.(certificateLineOf(secret)));
      // Ends an earlier one of this run, which the list then has to say.
      await reach("register the certificate", signal, () => registry.put(row));
      await Promise.all([
        sessions.end(runId),
        reach("publish the revocation list", signal, () => publication.publish()),
      ]);
      return { secret, parts: secretParts, expiresAt };
    },

    async revoke({ runId }, signal) {
      const cut = sessions.end(runId);
      await reach("end the certificate", signal, () => registry.revoke(name, runId));
      await reach("publish the revocation list", signal, () => publication.publish());
      await cut;
    },

    async prove(lease, secret, signal) {
      const proof = await proveByList(lease, parts, publication);
      const line = secret === undefined ? lease.handle : certificateLineOf(secret);
      if (proof.verdict !== "dead" || proof.isOver || line === undefined) return proof;
      return proveAtHost(proof.how, line, client, signal);
    },

    async sweep(signal) {
      const rows = await reach("list the certificates", signal, async () => registry.active(name, clock.nowMs()));
      return rows.map(({ runId }) => ({ runId }));
    },

    exec: (lease, secret, request, signal) => {
      const login = () => ({ ...loginOf(certificateLineOf(secret)), key: signingKey(readPrivateKey(keyOf(secret))) });
      return sessions.exec(lease.runId, login, request, signal);
    },
    endSessions: ({ runId }) => sessions.end(runId),

    async close() {
      await sessions.endAll();
      place.close();
    },
  };
}

function commandOf(commands: ReadonlyMap<string, SshCommand>, scope: readonly string[]): SshCommand {
  if (scope.length !== 1) {
    const needed = "exactly one: a certificate has one forced command";
    throw new IssuerFailure("scope_invalid", `scope: found ${scope.length} commands, needed ${needed}`);
  }
  const [name = ""] = scope;
  const command = commands.get(name);
  if (command !== undefined) return command;
  const needed = `one of the issuer's commands: ${[...commands.keys()].join(", ")}`;
  throw new IssuerFailure("scope_invalid", `scope: found ${quote(name)}, needed ${needed}`);
}

// Nobody else can use it: a certificate that we can't use is not made.
function requireClient({ ssh }: SshPrograms): void {
  if (ssh !== undefined) return;
  const next = "install OpenSSH's client (Debian: apt-get install openssh-client)";
  throw new IssuerFailure("issuer_refused", `there is no program ssh on the PATH: ${next}`);
}

function makeCredential(request: IssueRequest, command: SshCommand, parts: SshIssuerParts, authority: Authority) {
  const { clock, random, installation, sourceAddresses } = parts;
  const now = clock.nowMs();
  const expiresAt = Math.floor(request.expiresAt / 1_000) * 1_000; // downwards: never later than asked
  if (!(expiresAt > now))
    throw new IssuerFailure("issuer_refused", "a certificate needs a whole second to live, found less");
  const keyId = `mayfly-${installation}-${runIdDigits(request.lease.runId)}`;
  const serial = Buffer.from(random.bytes(8)).readBigUInt64BE();
  const pair = makeKeyPair();
  const order = {
    ...{ publicKey: pair.publicKey, serial, keyId, principals: [command.principal], forceCommand: command.run },
    ...{ validAfter: now - skewMs, validBefore: expiresAt, sourceAddresses },
  };
  const blob = signCertificate(authority, order, random.bytes(32));
  const key = privateKeyText(pair, random.bytes(4), keyId);
  const secret = `${key}${publicLine(certificateType, blob, command.user)}\n`;
  return { serial, expiresAt, secret, secretParts: secretLines(key, pair) };
}

// The secret is one text: the private key, and the certificate's line, whose comment is the user to log in as.
function keyOf(secret: string): string {
  return secret.slice(0, secret.indexOf(certificateType));
}

function certificateLineOf(secret: string): string {
  return secret.slice(secret.indexOf(certificateType)).trimEnd();
}

function loginOf(line: string): SshLogin {
  const [, certificate = "", user = ""] = line.split(" ");
  return { user, certificate: Buffer.from(certificate, "base64"), key: null };
}

/** `isOver`: no host takes it any more by its own clock either. */
type ListProof = Proof & { isOver?: true };

// The list that lies there is what hosts read; the registry says which serial numbers are to stand on it.
async function proveByList({ runId }: LeaseRef, parts: SshIssuerParts, publication: Publication): Promise<ListProof> {
  const { name, registry, clock } = parts;
  try {
    const now = clock.nowMs();
    if (registry.active(name, now).some((row) => row.runId === runId))
      return { verdict: "alive", how: "registry: a certificate of this run is active" };
    const ended = registry.revoked(name, now - keptMs).filter((row) => row.runId === runId);
    if (ended.length === 0)
      return { verdict: "dead", how: "registry: no certificate of this run that hasn't expired", isOver: true };
    const list = await publication.read();
    if (list === undefined) return { verdict: "unknowable", how: `${listFile}: none there of this authority's` };
    const missing = ended.find(({ jti }) => !list.serials.has(serialOf(jti)));
    if (missing !== undefined)
      return { verdict: "alive", how: `${listFile} ${list.version}: lacks serial ${serialOf(missing.jti)}` };
    const serials = ended.map(({ jti }) => serialOf(jti)).join(", ");
    return { verdict: "dead", how: `${listFile} ${list.version}: has serial ${serials}` };
  } catch (error) {
    return { verdict: "unknowable", how: escapeLine(String(error), 200) };
  }
}

// The certificate is shown to the host without its key: a host that would take it says so before it asks for a signature, and
// nobody is logged in.
async function proveAtHost(listed: string, line: string, client: SshClientParts, signal: AbortSignal): Promise<Proof> {
  const unknown = (why: string): Proof => ({
    verdict: "unknowable",
    how: `${listed}; the host can't be asked: ${why}`,
  });
  if (client.programs.ssh === undefined) return unknown("there is no program ssh");
  const bounds = { input: new Uint8Array(0), bytesMax: probeBytesMax, timeMs: probeMs };
  try {
    const outcome = await runSsh(client, loginOf(line), bounds, signal);
    if (outcome.wasTaken)
      return { verdict: "alive", how: `${listed}; login: the host would take it, by an older list` };
    if (outcome.wasRefused) return { verdict: "dead", how: `${listed}; login: refused` };
    return unknown(outcome.cut === null ? failureOf(outcome).message : `no answer within ${probeMs} ms`);
  } catch (error) {
    return unknown(escapeLine(String(error), 200));
  }
}

function refuseIfAborted(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw new IssuerFailure("issuer_unavailable", `given up before it could ${what}`);
}

/** Does what may fail for want of a store or a disk, and says what it was for. Waits no longer than the caller. */
async function reach<T>(what: string, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
  refuseIfAborted(signal, what);
  const { promise: givenUp, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(new Error("given up"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([act(), givenUp]);
  } catch (error) {
    throw new IssuerFailure("issuer_unavailable", `could not ${what}`, error);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
