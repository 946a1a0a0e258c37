// What a PostgreSQL scope may say: `select:public.sales`, `select,insert:public.t`. Answers for reading it strictly and
// for quoting every name that goes into a statement. A name that needs thought is refused, and quoted all the same.
import { quote } from "../../model/error.ts";
import { IssuerFailure } from "../../ports/credential-issuer.ts";

export interface TablePrivileges {
  privileges: readonly string[];
  schema: string;
  table: string;
}

const privilegeWords = ["select", "insert", "update", "delete"];
const identifier = "[A-Za-z_][A-Za-z0-9_]{0,62}"; // 63 bytes: what PostgreSQL keeps of a name
const scopeForm = new RegExp(`^([a-z,]{1,64}):(${identifier})\\.(${identifier})$`);
const scopesMax = 64;

/** @throws IssuerFailure `scope_invalid`. Names are taken as written, capitals too. */
export function parseScope(scope: readonly string[]): TablePrivileges[] {
  if (scope.length === 0 || scope.length > scopesMax) {
    throw new IssuerFailure("scope_invalid", `scope: found ${scope.length} entries, needed 1 to ${scopesMax}`);
  }
  return scope.map(parseEntry);
}

function parseEntry(entry: string): TablePrivileges {
  const [, words = "", schema = "", table = ""] = scopeForm.exec(entry) ?? [];
  const privileges = words.split(",");
  const known = privileges.every((word) => privilegeWords.includes(word));
  const distinct = new Set(privileges).size === privileges.length;
  if (!known || !distinct) throw scopeError(entry, "privilege,…:schema.table, such as select:public.sales");
  if (/^pg_|^information_schema$/i.test(schema)) throw scopeError(entry, "a schema that is not the server's own");
  return { privileges, schema, table };
}

function scopeError(found: string, needed: string): IssuerFailure {
  const words = `privileges are ${privilegeWords.join(", ")}`;
  return new IssuerFailure("scope_invalid", `scope: found ${quote(found)}, needed ${needed}; ${words}`);
}

/** A name as an SQL identifier. @throws RangeError for NUL, which no identifier can have. */
export function quoteIdentifier(name: string): string {
  if (name.includes("\0")) throw new RangeError("a name with NUL");
  return `"${name.replaceAll('"', '""')}"`;
}

/** Text as an SQL string constant, whatever standard_conforming_strings says. @throws RangeError for NUL. */
export function quoteLiteral(text: string): string {
  if (text.includes("\0")) throw new RangeError("a text with NUL");
  const doubled = text.replaceAll("'", "''");
  return text.includes("\\") ? ` E'${doubled.replaceAll("\\", "\\\\")}'` : `'${doubled}'`;
}
