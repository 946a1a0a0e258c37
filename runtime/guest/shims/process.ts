// `process` for undici's classes: it asks for the platform, and warns of what is unusual.
export const process = { platform: "linux", emitWarning: (): void => {} };
