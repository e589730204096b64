/** Where Node's `console.log` asks an object for its text; known by name, so that pages need nothing of Node. */
const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/** Makes `console.log(value)`, `String(value)` and templates show the instances of a class as `text` says, instead of their insides. */
export function shownAs<T>(type: { readonly prototype: T }, text: (value: T) => string): void {
  const value = function (this: T) {
    return text(this);
  };
  for (const name of ["toString", INSPECT]) {
    Object.defineProperty(type.prototype, name, { value, writable: true, configurable: true });
  }
}

/** `Name(a=1, b=[2], c="x")`; what is undefined is left out. */
export function named(name: string, values: Readonly<Record<string, unknown>>): string {
  const shown = Object.entries(values).flatMap(([key, value]) =>
    value === undefined
      ? []
      : [
          `${key}=${typeof value === "object" ? JSON.stringify(value) : typeof value === "string" ? JSON.stringify(value) : String(value)}`,
        ],
  );
  return `${name}(${shown.join(", ")})`;
}
