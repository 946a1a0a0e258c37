// The environment of a child that is no test: the runner puts its own hooks into NODE_OPTIONS of every child, which look at
// every module that is loaded and are no part of what is tried.

export function childEnv(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return env;
}
