export { checkTable, checkValue, expected, fits } from "./check.ts";
export { camel, flagOf, namesOf, ownName } from "./names.ts";
export {
  type AnyOption,
  either,
  type Facts,
  flag,
  handed,
  type Kind,
  type Limits,
  list,
  nothing,
  type Option,
  object,
  oneOf,
  type Resolved,
  real,
  type Stated,
  type Table,
  type TableOf,
  text,
  truth,
  type ValueOf,
  type Values,
  whole,
} from "./option.ts";
export { convert, parseText, readValues } from "./read.ts";
export { defaultsOf, omit, pick, valuesFor, withDefaults } from "./table.ts";
