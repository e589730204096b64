/** How a door is sent an object of options. */
export interface Entry {
  // biome-ignore lint/suspicious/noExplicitAny: what it is sent is wrong on purpose
  call(options: any, at: { folder: string; file: string }): unknown;
  /** Where the compiler does not find the door, or its names are not one list. */
  options?: readonly string[];
}
/** What a door needs beside what it is sent; what is no object at all goes alone. */
export const beside = (given: object, sent: unknown): never =>
  (sent === null || typeof sent !== "object" ? sent : { ...given, ...sent }) as never;
export type Entries = Readonly<Record<string, Entry>>;
