// Policy documents as the AWS stand-in evaluates them: what is not allowed is denied, an explicit deny wins, a session
// policy narrows. It knows the elements below and refuses a document that has any other, since a condition that nobody
// evaluates would be a permission that nobody limits.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

interface Statement {
  effect: "Allow" | "Deny";
  actions: string[];
  resources: string[];
  /** Epoch, ms; null: none. */
  before: number | null;
}

export type PolicyDocument = readonly Statement[];

/** undefined: malformed. */
export function readPolicy(text: string): PolicyDocument | undefined {
  try {
    const { Version, Statement, ...rest } = JSON.parse(text) as Record<string, unknown>;
    if (Version !== "2012-10-17" || !Array.isArray(Statement) || Object.keys(rest).length > 0) return undefined;
    const read = Statement.map(readStatement);
    return read.every((each) => each !== undefined) ? read : undefined;
  } catch {
    return undefined;
  }
}

function readStatement(value: Record<string, unknown>): Statement | undefined {
  const { Effect, Action, Resource, Condition, ...rest } = value;
  if ((Effect !== "Allow" && Effect !== "Deny") || !isTexts(Action) || !isTexts(Resource)) return undefined;
  if (Object.keys(rest).length > 0) return undefined;
  const before = Condition === undefined ? null : readCondition(Condition);
  return before === undefined ? undefined : { effect: Effect, actions: Action, resources: Resource, before };
}

/** `DateLessThan` on `aws:CurrentTime`, alone. */
function readCondition(value: unknown): number | undefined {
  const match = /^\{"DateLessThan":\{"aws:CurrentTime":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"\}\}$/.exec(
    JSON.stringify(value),
  );
  const at = Date.parse(match?.[1] ?? "");
  return Number.isNaN(at) ? undefined : at;
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
}

export interface Question {
  action: string;
  resource: string;
  nowMs: number;
}

/** @param sessionPolicy null: none. */
export function isAllowed(
  policies: readonly PolicyDocument[],
  sessionPolicy: PolicyDocument | null,
  asked: Question,
): boolean {
  return says(policies.flat(), asked) && (sessionPolicy === null || says(sessionPolicy, asked));
}

function says(statements: PolicyDocument, { action, resource, nowMs }: Question): boolean {
  const apply = statements.filter(
    ({ actions, resources, before }) =>
      actions.some((each) => matches(each, action)) &&
      resources.some((each) => matches(each, resource)) &&
      (before === null || nowMs < before),
  );
  return apply.some(({ effect }) => effect === "Allow") && !apply.some(({ effect }) => effect === "Deny");
}

function matches(pattern: string, text: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(text);
}
