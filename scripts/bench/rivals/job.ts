// The trivial job of all rivals, as plain JavaScript: none of them pays for the stripping of types.
export const job = "((input) => ({ ok: true }))";
