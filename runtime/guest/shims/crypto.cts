// node:crypto for undici's FormData, which takes its boundaries' digits from it.
declare var module: { exports: unknown };

module.exports = {
  randomInt(max: number): number {
    const [value = 0] = (
      globalThis as unknown as { crypto: { getRandomValues(array: Uint32Array): Uint32Array } }
    ).crypto.getRandomValues(new Uint32Array(1));
    return Math.floor((value / 2 ** 32) * max);
  },
};
