// How a callback that the layer keeps for later is tied to the context in which it was given. Plain until async_hooks.ts is
// part of the bundle, which puts its own in.

type Func = (...args: never[]) => unknown;

export const carrier: { bind<F extends Func>(callback: F): F } = { bind: (callback) => callback };
