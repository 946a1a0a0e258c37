/** Bytes from the system's cryptographic generator. */
export interface Random {
  bytes(count: number): Uint8Array;
}
