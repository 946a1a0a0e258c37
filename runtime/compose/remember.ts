// What is made once and handed to all who ask.

/** One promise a key; one that was rejected is forgotten, so that it can be tried again. */
export function remember<Key, Value>(
  nameOf: (key: Key) => string,
  make: (key: Key) => Promise<Value>,
): (key: Key) => Promise<Value> {
  const made = new Map<string, Promise<Value>>();
  return (key) => {
    const name = nameOf(key);
    const before = made.get(name);
    if (before !== undefined) return before;
    const value = make(key);
    made.set(name, value);
    value.catch(() => made.delete(name));
    return value;
  };
}
