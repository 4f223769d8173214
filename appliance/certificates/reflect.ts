/**
 * The part of the metadata reflection API that the certificate library looks for when it is loaded: metadata by
 * object, and by object and property.
 */
type Metadata = Map<unknown, unknown>;

const store = new WeakMap<object, Map<PropertyKey | undefined, Metadata>>();

function own(target: object, property: PropertyKey | undefined): Metadata {
  const ofTarget = store.get(target) ?? new Map<PropertyKey | undefined, Metadata>();
  store.set(target, ofTarget);
  const found = ofTarget.get(property) ?? new Map<unknown, unknown>();
  ofTarget.set(property, found);
  return found;
}

function defineMetadata(key: unknown, value: unknown, target: object, property?: PropertyKey): void {
  own(target, property).set(key, value);
}

function getOwnMetadata(key: unknown, target: object, property?: PropertyKey): unknown {
  return store.get(target)?.get(property)?.get(key);
}

/** Own metadata, else that of the prototype chain. */
function getMetadata(key: unknown, target: object, property?: PropertyKey): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const found = getOwnMetadata(key, at, property);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Provides the API where it is missing. */
export function provideMetadata(): void {
  if ("getMetadata" in Reflect) return;
  Object.assign(Reflect, {
    defineMetadata,
    getOwnMetadata,
    getMetadata,
    hasMetadata: (key: unknown, target: object, property?: PropertyKey) =>
      getMetadata(key, target, property) !== undefined,
    hasOwnMetadata: (key: unknown, target: object, property?: PropertyKey) =>
      getOwnMetadata(key, target, property) !== undefined,
    metadata: (key: unknown, value: unknown) => (target: object, property?: PropertyKey) =>
      defineMetadata(key, value, target, property),
  });
}
