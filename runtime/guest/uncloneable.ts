// Objects that structuredClone refuses: their classes say so as they are made, without knowing of it.
const marked = new WeakSet<object>();

export function markAsUncloneable(object: object): void {
  marked.add(object);
}

export function isUncloneable(object: object): boolean {
  return marked.has(object);
}
