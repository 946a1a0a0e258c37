// What a scope says in a certificate. Each entry becomes one organizational unit (OU) of the subject, as it is written:
// nginx matches `OU=role:orders-reader` in $ssl_client_s_dn, Envoy the subject of its principal, Node
// `getPeerCertificate().subject.OU`. The alphabet needs no escape in RFC 2253's form of a name, and has no `=` or `,`
// with which an entry could look like two.
import { quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";

const entriesMax = 16;
/** ub-organizational-unit-name (RFC 5280, appendix A). */
const entryCharsMax = 64;
const entryPattern = /^[A-Za-z0-9](?:[A-Za-z0-9._~:/-]*[A-Za-z0-9])?$/;
/** Words of openssl's configuration for what a scope can't give: other names, and the power to sign. */
const powers = /^(?:ca|dns|ip|uri|email|rid|dirname|othername|pathlen|critical):/i;

/** @throws IssuerFailure `scope_invalid`. */
export function checkScope(scope: readonly string[]): void {
  if (scope.length === 0 || scope.length > entriesMax)
    throw invalid(`found ${scope.length} entries, needed 1 to ${entriesMax}`);
  for (const entry of scope) {
    if (entry.length > entryCharsMax || !entryPattern.test(entry)) {
      const needed = `letters, digits and . _ ~ : / - (no wildcards), ${entryCharsMax} characters at most`;
      throw invalid(`found ${quote(entry)}, needed ${needed}`);
    }
    if (powers.test(entry)) {
      const needed = "a role of your own: a client certificate has the run's one name and no power to sign";
      throw invalid(`found ${quote(entry)}, needed ${needed}`);
    }
  }
  if (new Set(scope).size !== scope.length) throw invalid("an entry stands twice");
}

function invalid(text: string): IssuerFailure {
  return new IssuerFailure("scope_invalid", `scope: ${text}`);
}
