// The public surface: what `import … from "mayfly"` finds, in a config and (defineJob and the types) in a job.

export type {
  AuthorCredential,
  AuthorFiles,
  AuthorIdentity,
  AuthorIdentityIssuer,
  AuthorIssuer,
  AuthorJob,
  AuthorJwtIssuer,
  AuthorKeys,
  AuthorLimits,
  AuthorNetwork,
  AuthorOauthIssuer,
  AuthorPostgresIssuer,
  AuthorRedisIssuer,
  AuthorSchedule,
  AuthorSshIssuer,
  AuthorX509Issuer,
  Duration,
  SandboxConfig,
  Size,
} from "./config/author.ts";
export {
  type Config,
  defineConfig,
  type IssuerConfig,
  issuers,
  type JwtIssuerConfig,
  keys,
  type OauthIssuerConfig,
  type PostgresIssuerConfig,
  parseConfig,
} from "./config.ts";
export {
  defineJob,
  type ExecOutput,
  type Job,
  type JobContext,
  type JobCredential,
  type JobFiles,
  type JobIdentity,
  type JobLog,
  type Json,
  type MayflyGuestError,
  type QueryRows,
} from "./job.ts";
export { type ErrorCode, exitCodes, MayflyError } from "./model/error.ts";
export type { JobSpec } from "./model/job.ts";
export type { Limits } from "./model/limits.ts";
export type {
  Denial,
  LimitCode,
  NestedError,
  Output,
  RecordingNote,
  RunError,
  RunRecord,
  RunState,
  SourcePlace,
  Teardown,
  Trigger,
  Usage,
} from "./model/run.ts";
