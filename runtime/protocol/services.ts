// The wire between a guest and its own executor, for what needs no authority (executor/services.ts): a name, arguments as
// JSON, and bytes. Written for the guest too, so nothing here imports anything.

/** Read by the service itself, which takes nothing on trust: the guest may send anything. */
export type ServiceArguments = { readonly [key: string]: unknown };

export interface ServiceError {
  /** Of the error, as in `TypeError` or `OperationError`. */
  name: string;
  message: string;
  /** Node's, such as `ERR_INVALID_ARG_VALUE`, where it gave one. */
  code?: string;
}

/** Computations of one run that are under way; the guest holds the rest back. Node has four threads for them. */
export const servicesAtOnceMax = 64;
