/** What tests ask of node:os, for files in memory. */
export const tmpdir = (): string => "/tmp";
