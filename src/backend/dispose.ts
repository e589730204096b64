/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `Symbol.dispose` for engines that lack it (Firefox before 141, Safari): classes that close with `using` are defined with
 * it, and what TypeScript makes of `using` looks for it. Files that use either import this one first.
 */
for (const name of ["dispose", "asyncDispose"] as const) {
  if (Symbol[name] !== undefined) continue;
  // The registered one is what compilers of `using` fall back on.
  Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
}
