// What the tests use of oidc-provider, which ships no types.
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";
  import type { TLSSocket } from "node:tls";

  export interface Context {
    path: string;
    method: string;
    status: number;
    body: unknown;
    type: string;
    socket: TLSSocket;
    set(name: string, value: string): void;
    oidc: {
      client: { clientId: string };
      params: Record<string, string | undefined>;
    };
  }

  interface Token {
    scope?: string | undefined;
    readonly expiration: number;
    readonly tokenType: string;
    setAudience(audience: string): void;
    save(): Promise<string>;
  }

  interface Grant {
    addOIDCScope(scope: string): void;
    save(): Promise<string>;
  }

  type Of<Entity> = new (words: Record<string, unknown>) => Entity;

  export default class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    readonly AccessToken: Of<Token>;
    readonly RefreshToken: Of<Token>;
    readonly Grant: Of<Grant>;
    use(middleware: (context: Context, next: () => Promise<void>) => Promise<void>): void;
    registerGrantType(
      name: string,
      handler: (context: Context) => Promise<void>,
      parameters: readonly string[],
      repeated?: readonly string[],
    ): void;
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
  }
}
