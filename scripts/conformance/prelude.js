// What a test of web-platform-tests finds around itself, in a run and in Node alike: the names that its own server would
// give a worker, and a fetch that knows where the test's file lies. Evaluated before testharness.js; `args` is the test.
globalThis.__conformance = (args) => {
  globalThis.self ??= globalThis;
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => false, isShadowRealm: () => false };
  const { href, origin, protocol, host, hostname, port, pathname, search, hash } = new URL(args.url);
  globalThis.location = { href, origin, protocol, host, hostname, port, pathname, search, hash };
  // Interfaces are exposed to kinds of globals, and the tests of the IDL files ask of which kind this one is.
  if (pathname.includes("/idlharness")) globalThis.Window = Object.getPrototypeOf(globalThis).constructor;
  // A page goes on after an error that nobody caught.
  for (const type of ["error", "unhandledrejection"])
    globalThis.addEventListener?.(type, (event) => event.preventDefault());
  const { fetch } = globalThis;
  const file = (input) => {
    const text = String(input);
    return /^[a-z][a-z0-9+.-]*:/i.test(text) ? undefined : new URL(text, args.url).href;
  };
  globalThis.fetch = (input, init) =>
    fetch(typeof input === "string" || input instanceof URL ? (file(input) ?? input) : input, init);
};

// Called after testharness.js and before the test.
globalThis.__conformanceResults = () =>
  new Promise((resolve) => {
    globalThis.add_completion_callback((tests, harness) =>
      resolve({
        harness: harness.status,
        message: harness.message,
        tests: tests.map(({ name, status, message }) => ({ name, status, message: message?.slice(0, 300) })),
      }),
    );
  });
