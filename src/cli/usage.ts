import { ShoshinError } from "../backend/errors.ts";

/** The command line itself was wrong: exit status 2. */
export class UsageError extends ShoshinError {}
