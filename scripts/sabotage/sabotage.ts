// What a sabotage is: one defence taken out of the source by one replacement, and the tests that must notice.

export interface Sabotage {
  /** Kebab case, unique among all. */
  id: string;
  /** The defence that is taken out, in a few words. */
  defence: string;
  /** Lines of the threat list that it holds against. */
  threats: readonly string[];
  /** From the project's root. */
  file: string;
  /** Occurs exactly once in `file`. */
  find: string;
  replace: string;
  /** Test files of which at least one must go red. */
  caughtBy: readonly string[];
  /** Its tests hang rather than fail without the defence. */
  hangs?: true;
}
