// Makes the connections of one run: to the one checked address, by TLS that no environment variable weakens. It decides
// nothing; it only makes sure that what was dialled is what was minted, and knows every socket until it is gone.
import { constants } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { buildConnector } from "undici";
import { canonicalAddress } from "../../model/addresses.ts";
import type { ClientKey } from "../../model/checked.ts";
import { descriptorsForWork } from "./descriptors.ts";
import { requireHttp1 } from "./undici-head.ts";

/** No answer to connect for this long is no answer: the request's own time may be an hour. */
const CONNECT_MS_MAX = 10_000;

export interface Dial {
  /** Canonical, without brackets. */
  address: string;
  port: number;
  /** As in the URL, IPv6 in brackets. */
  host: string;
  /** undefined for plain http. */
  tls: SecureContext | undefined;
}

/** Every socket of one run, connecting ones too. */
export interface SocketSet {
  add(socket: Socket): void;
  /** Destroys all; resolves when the last is closed. */
  destroy(): Promise<void>;
}

export interface TrustOptions {
  /** PEM. Single certificates that their authority has taken back are refused; each authority of the chain needs a list. */
  revocationLists?: readonly string[];
  /** Shown to servers that ask for a certificate. */
  key?: ClientKey;
}

/**
 * Trusts the authorities that Node carries, and `extraCaForTests`; nothing that NODE_EXTRA_CA_CERTS, the system's store
 * or OpenSSL's own variables name. In production there are no revocation lists: an authority ends with the Node release
 * that drops it, and nothing asks for lists or OCSP answers, which would be egress of its own.
 */
export function makeTrust(
  extraCaForTests: readonly string[],
  { revocationLists, key }: TrustOptions = {},
): SecureContext {
  return createSecureContext({
    ca: [...rootCertificates, ...extraCaForTests],
    minVersion: "TLSv1.2",
    ...(revocationLists === undefined ? {} : { crl: [...revocationLists] }),
    // Shown in the handshake or not at all: a server can't have it asked for in the middle of a TLS 1.2 connection.
    ...(key === undefined
      ? {}
      : { cert: key.certificates, key: key.privateKey, secureOptions: constants.SSL_OP_NO_RENEGOTIATION }),
  });
}

/** A connector for undici that ignores the name it is asked for and dials `dial`. */
export function makeConnector(dial: Dial, sockets: SocketSet): buildConnector.connector {
  const literal = canonicalAddress(dial.host) !== undefined;
  const connect = buildConnector({
    timeout: CONNECT_MS_MAX,
    allowH2: false,
    maxCachedSessions: 0,
    keepAlive: false,
    autoSelectFamily: false,
    // Said aloud, since NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default and nothing else.
    ...(dial.tls === undefined ? {} : { secureContext: dial.tls, rejectUnauthorized: true }),
  });
  return (options, callback) => {
    if (descriptorsForWork() < 1) return callback(noRoom(), null);
    // An address has no server name (RFC 6066, section 3); the certificate is then held against the address itself.
    const servername = dial.tls === undefined || literal ? "" : dial.host;
    const asked = {
      protocol: options.protocol,
      hostname: dial.address,
      host: dial.host,
      port: String(dial.port),
      servername,
    };
    const socket = connect(asked, (...result) => {
      const [error, connected] = result;
      if (error !== null) return callback(error, null);
      const problem = dialProblem(connected, dial);
      if (problem !== undefined) {
        connected.destroy();
        return callback(problem, null);
      }
      requireHttp1(connected);
      callback(null, connected);
    }) as unknown as Socket; // buildConnector returns the socket at once; its type doesn't say so
    sockets.add(socket);
  };
}

function noRoom(): Error {
  return Object.assign(new Error("the rest of this process's descriptors is for the end of runs"), { code: "EMFILE" });
}

/** After the fact: the other end is the checked address and port. */
function dialProblem(socket: Socket, dial: Dial): Error | undefined {
  const remote = canonicalAddress(socket.remoteAddress ?? "");
  if (remote === dial.address && socket.remotePort === dial.port) return undefined;
  return new Error("the connection leads elsewhere than to the checked address");
}

export function makeSocketSet(): SocketSet {
  const open = new Set<Socket>();
  let ended = false;
  let onEmpty: (() => void) | undefined;

  function add(socket: Socket): void {
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      if (open.size === 0) onEmpty?.();
    });
    if (ended) socket.destroy();
  }

  async function destroy(): Promise<void> {
    ended = true;
    for (const socket of open) socket.destroy();
    if (open.size > 0) {
      await new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
    }
  }

  return { add, destroy };
}
