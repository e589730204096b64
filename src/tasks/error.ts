import { ShoshinError } from "../backend/errors.ts";

/** A task was asked for something that it cannot do. */
export class TaskError extends ShoshinError {}
