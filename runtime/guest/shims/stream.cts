// node:stream for undici's classes: what it asks of a web stream is in fields of web-streams-polyfill's.
declare var module: { exports: unknown };

interface PolyfillStream {
  _disturbed?: boolean;
  _state?: string;
}

module.exports = {
  isDisturbed: (stream: PolyfillStream) => stream._disturbed === true,
  isErrored: (stream: PolyfillStream) => stream._state === "errored",
  isDestroyed: () => false,
  Transform: class {},
};
