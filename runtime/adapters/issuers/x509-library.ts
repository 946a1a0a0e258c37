// The one way to the library for certificates: it needs reflect-metadata, and before itself.
import "reflect-metadata";

export * from "@peculiar/x509";
