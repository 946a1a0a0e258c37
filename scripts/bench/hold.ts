// The door of a prober: a job that calls it is held there, until the prober has what it needs to try the job's
// credential again and again. Then the job is answered, ends, and the prober goes on trying.
import { createServer } from "node:http";

/** Listens on a free port of loopback. @param onHeld gets the Authorization header; the job is answered when it resolves. */
export async function openHold(onHeld: (authorization: string) => Promise<void>): Promise<{ url: string }> {
  const server = createServer((request, response) => {
    request.resume();
    onHeld(request.headers.authorization ?? "").then(
      () => response.writeHead(204).end(),
      (error: Error) => {
        process.stderr.write(`bench: prober: ${error.message}\n`);
        response.writeHead(500).end();
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/hold` };
}
