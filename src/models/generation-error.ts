import { ShoshinError } from "../backend/errors.ts";

/** A generation was asked for something that cannot be. */
export class GenerationError extends ShoshinError {}
