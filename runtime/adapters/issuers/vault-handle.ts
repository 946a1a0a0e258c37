// What is noted of a lease of Vault's, to end it with: sealed by the broker, and read back from what may be years old.

export interface VaultHandle {
  accessor: string;
  /** The login token itself, where no management token can use the accessor. */
  token: string | null;
  /** Lease id; null until the credential was answered. */
  lease: string | null;
  /** When both are dead by themselves, epoch ms. */
  expiresAt: number;
}

/** undefined for nothing. @throws RangeError for what was never a handle of ours. */
export function parseHandle(text: string | undefined): VaultHandle | undefined {
  if (text === undefined) return undefined;
  const value = JSON.parse(text) as Partial<Record<keyof VaultHandle, unknown>>;
  const { accessor, token, lease, expiresAt } = value;
  const isText = (each: unknown): each is string | null => each === null || typeof each === "string";
  if (typeof accessor !== "string" || !isText(token) || !isText(lease) || typeof expiresAt !== "number")
    throw new RangeError("a handle that is none of the vault issuer's");
  return { accessor, token, lease, expiresAt };
}
