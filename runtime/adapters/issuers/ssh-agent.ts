// An SSH agent of one certificate, for one connection of our own (draft-ietf-sshm-ssh-agent): so the private key goes into no
// file, no argument and no other process. It signs one thing, the login of that user with that certificate (RFC 4252,
// section 7), and nothing else that whoever reaches its socket might want signed. Or it signs nothing at all. In both cases it
// tells how far the client came, which nobody on the way can forge: it asks for the list of keys once it knows the server by
// its key, and for a signature once the server has said that it would take the certificate.
import { type KeyObject, sign } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { certificateType } from "./ssh-certificate.ts";
import { ed25519 } from "./ssh-keys.ts";
import { byte, join, string, uint32, WireReader } from "./ssh-wire.ts";

export interface AgentParts {
  /** Of the socket; in a directory that is ours alone. */
  path: string;
  /** Blob. */
  certificate: Uint8Array;
  /** As whom it logs in. */
  user: string;
  /** null: signs nothing. */
  key: KeyObject | null;
}

export interface Agent {
  /** Whether its certificate was asked for: the client has verified whom it speaks to. */
  wasListed(): boolean;
  /** Whether it was asked to sign that login: the server would take the certificate. */
  wasAsked(): boolean;
  /** The socket is gone, and all connections. */
  close(): Promise<void>;
}

const messages = { failure: 5, listIdentities: 11, identities: 12, signRequest: 13, signature: 14 } as const;
const userauthRequest = 50;
const methods = ["publickey", "publickey-hostbound-v00@openssh.com"];
/** A request carries the certificate twice at most, and some 200 bytes more; OpenSSH's own agent takes 256 KiB. */
const messageBytesMax = 65_536;
const connectionsMax = 4;

export async function openAgent(parts: AgentParts): Promise<Agent> {
  const sockets = new Set<Socket>();
  let listed = false;
  let asked = false;

  function answer(message: Buffer): Buffer {
    const reader = new WireReader(message);
    const type = reader.byte();
    if (type === messages.listIdentities) {
      listed = true;
      return join(byte(messages.identities), uint32(1), string(parts.certificate), string(""));
    }
    if (type !== messages.signRequest || !isOurLogin(reader, parts)) return join(byte(messages.failure));
    asked = true;
    if (parts.key === null) return join(byte(messages.failure));
    const signature = sign(null, dataOf(message), parts.key);
    return join(byte(messages.signature), string(join(string(ed25519), string(signature))));
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    serve(socket, answer);
  });
  server.maxConnections = connectionsMax;
  await listen(server, parts.path);
  return {
    wasListed: () => listed,
    wasAsked: () => asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function serve(socket: Socket, answer: (message: Buffer) => Buffer): void {
  let unread = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    try {
      for (let whole = nextMessage(unread); whole !== undefined; whole = nextMessage(unread)) {
        unread = unread.subarray(4 + whole.length);
        socket.write(string(answer(whole)));
      }
    } catch {
      socket.destroy(); // it speaks another protocol
    }
  });
}

function nextMessage(unread: Buffer): Buffer | undefined {
  if (unread.length < 4) return undefined;
  const length = unread.readUInt32BE();
  if (length === 0 || length > messageBytesMax) throw new RangeError("no message of an agent's");
  return unread.length < 4 + length ? undefined : unread.subarray(4, 4 + length);
}

function isOurLogin(request: WireReader, { certificate, user }: AgentParts): boolean {
  const key = request.string();
  const data = request.string();
  request.uint32(); // flags: of RSA only
  request.end();
  if (!key.equals(certificate)) return false;
  return isLogin(new WireReader(data), certificate, user);
}

function isLogin(data: WireReader, certificate: Uint8Array, user: string): boolean {
  data.string(); // the connection's id
  if (data.byte() !== userauthRequest || data.text() !== user || data.text() !== "ssh-connection") return false;
  const method = data.text();
  if (!methods.includes(method) || data.byte() !== 1 || data.text() !== certificateType) return false;
  if (!data.string().equals(certificate)) return false;
  if (method !== "publickey") data.string(); // the server's key, which the client has verified
  return data.left === 0;
}

function dataOf(message: Buffer): Buffer {
  const reader = new WireReader(message);
  reader.byte();
  reader.string();
  return reader.string();
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}
