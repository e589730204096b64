import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A public function, constructor or method that takes an object of options. */
export interface Door {
  /** `models.generate`, `nn.LSTM`, `data.DataLoader`, `models.PreTrainedModel#savePretrained`. */
  readonly name: string;
  readonly parameter: string;
  readonly options: readonly string[];
}

/** A class's objects are given, not written down. */
function isPlainObject(checker: ts.TypeChecker, type: ts.Type): boolean {
  if (!(type.flags & ts.TypeFlags.Object) && !type.isIntersection()) return false;
  if (type.isClass() || type.getCallSignatures().length > 0 || type.getConstructSignatures().length > 0) return false;
  if (checker.isArrayType(type) || checker.isTupleType(type)) return false;
  if (type.getStringIndexType() !== undefined) return false;
  // Partial, Pick and Omit are the library's, what they are made of is not.
  if ((type as ts.ObjectType).objectFlags & ts.ObjectFlags.Mapped) return true;
  const declarations = type.symbol?.declarations ?? [];
  return !declarations.some(
    (d) => /node_modules|lib\.\w+/.test(d.getSourceFile().fileName) || ts.isClassDeclaration(d),
  );
}

/** Names of a parameter's options where it is an object of options: not all of it must be given. */
function optionsOf(checker: ts.TypeChecker, parameter: ts.Symbol, at: ts.Node): string[] | undefined {
  const whole = checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(parameter, at));
  const types = whole.isUnion() ? whole.types : [whole];
  const names = new Set<string>();
  for (const type of types) {
    if (!isPlainObject(checker, type)) continue;
    const own = type.getProperties();
    if (own.some((p) => p.flags & ts.SymbolFlags.Optional)) for (const p of own) names.add(p.name);
  }
  return names.size > 0 ? [...names] : undefined;
}

/** Parameters that are objects of what is computed with, not of how. */
const NO_OPTIONS = new Set(["model", "config", "inputs", "state", "weights", "batch", "source", "json"]);

/** The package's entry points, `.`, `./nn` and so on, and the compiler's knowledge of them. */
export function compileEntries(): { entries: { key: string; path: string }[]; program: ts.Program } {
  const { exports } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    exports: Record<string, { types: string } | string>;
  };
  const entries = Object.entries(exports).flatMap(([key, value]) =>
    typeof value === "string"
      ? []
      : [{ key, path: join(ROOT, value.types.replace("./dist/", "src/").replace(/\.d\.ts$/, ".ts")) }],
  );
  const read = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, ROOT);
  const program = ts.createProgram(
    entries.map((e) => e.path),
    { ...options, noEmit: true, incremental: false, composite: false },
  );
  return { entries, program };
}

/** Every door of the package's entry points, by the compiler's knowledge of them. */
export function findDoors(): Door[] {
  const { entries, program } = compileEntries();
  const checker = program.getTypeChecker();
  const doors = new Map<string, Door>();
  const seen = new Set<ts.Symbol>();
  const look = (name: string, signatures: readonly ts.Signature[], at: ts.Node) => {
    for (const signature of signatures) {
      const { declaration } = signature;
      // Nobody else can call a constructor that is private.
      if (declaration && ts.getCombinedModifierFlags(declaration as ts.Declaration) & ts.ModifierFlags.Private)
        continue;
      for (const parameter of signature.getParameters()) {
        if (NO_OPTIONS.has(parameter.name)) continue;
        const found = optionsOf(checker, parameter, at);
        if (found !== undefined && !doors.has(name))
          doors.set(name, { name, parameter: parameter.name, options: found });
      }
    }
  };
  for (const { key, path } of entries) {
    const entry = key === "." ? "" : `${key.slice(2)}.`;
    const file = program.getSourceFile(path);
    const module = file && checker.getSymbolAtLocation(file);
    if (file === undefined || module === undefined) throw new Error(`${relative(ROOT, path)} is no module`);
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      if (!(symbol.flags & ts.SymbolFlags.Value) || seen.has(symbol)) continue;
      seen.add(symbol);
      const name = entry + exported.name;
      const type = checker.getTypeOfSymbolAtLocation(symbol, file);
      look(name, type.getCallSignatures(), file);
      look(name, type.getConstructSignatures(), file);
      const isPublic = (m: ts.Symbol) =>
        m.name !== "prototype" &&
        !m.declarations?.some((d) => (d as ts.NamedDeclaration).name?.kind === ts.SyntaxKind.PrivateIdentifier) &&
        !m.declarations?.some(
          (d) => ts.getCombinedModifierFlags(d) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected),
        );
      const members = (t: ts.Type) => t.getProperties().filter(isPublic);
      // A class's own methods, and functions that lie in an object that is exported.
      if (symbol.flags & ts.SymbolFlags.Class) {
        for (const m of members(checker.getDeclaredTypeOfSymbol(symbol))) {
          const own = m.declarations?.some((d) => d.parent === symbol.valueDeclaration);
          if (own) look(`${name}#${m.name}`, checker.getTypeOfSymbolAtLocation(m, file).getCallSignatures(), file);
        }
        for (const m of members(type)) {
          const own = m.declarations?.some((d) => d.parent === symbol.valueDeclaration);
          if (own) look(`${name}.${m.name}`, checker.getTypeOfSymbolAtLocation(m, file).getCallSignatures(), file);
        }
      } else if (
        !type.getCallSignatures().length &&
        !type.getConstructSignatures().length &&
        isPlainObject(checker, type)
      ) {
        for (const m of members(type))
          look(`${name}.${m.name}`, checker.getTypeOfSymbolAtLocation(m, file).getCallSignatures(), file);
      }
    }
  }
  return [...doors.values()];
}
