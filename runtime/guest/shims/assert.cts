// node:assert for undici's classes: a function that throws.
declare var module: { exports: unknown };

module.exports = function assert(value: unknown, message?: string): void {
  if (!value) throw new TypeError(message ?? "assertion failed");
};
