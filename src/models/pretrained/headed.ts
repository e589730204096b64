import type { WeightsFile } from "../../formats/index.ts";
import type { Module } from "../../nn/index.ts";
import type { ConfigKind, PretrainedConfig } from "./config.ts";
import { PreTrainedModel } from "./model.ts";

// biome-ignore lint/suspicious/noExplicitAny: TypeScript's form of classes that others extend
type Extensible<T> = abstract new (...args: any[]) => T;

/** What the classes of a family share; see {@link PreTrainedModel}. */
export interface FamilyTraits {
  // biome-ignore lint/suspicious/noExplicitAny: every kind of model has keys of its own
  readonly configKind: ConfigKind<any>;
  readonly baseModelPrefix?: string;
  readonly ignored?: readonly RegExp[];
  readonly optional?: readonly RegExp[];
  readonly zeros?: readonly RegExp[];
  readonly fallbacks?: Readonly<Record<string, string>>;
  // biome-ignore lint/suspicious/noExplicitAny: every kind of model has keys of its own
  readonly fitted?: (config: any, file: WeightsFile) => any;
}

/** `Base` as the class of a family, to be extended; traits that are left out are those of `Base`. */
export function named<K extends Extensible<PreTrainedModel>>(Base: K, architecture: string, traits: FamilyTraits): K {
  abstract class Named extends Base {}
  Object.defineProperty(Named, "name", { value: architecture });
  return Object.assign(Named, traits, { architecture });
}

/** What the heads of a family stand on. */
export interface HeadTraits<C, P extends string, B> extends FamilyTraits {
  readonly baseModelPrefix: P;
  /** The part below a head. */
  readonly base: (config: C) => B;
  /** Size of its hidden states. */
  readonly width: (config: C) => number;
}

/** A model with a head on the part that all heads of a family share; that is the property `baseModelPrefix`. */
export abstract class HeadedModel<C extends PretrainedConfig, B extends Module> extends PreTrainedModel<C> {
  // biome-ignore lint/suspicious/noExplicitAny: every family has its own
  static readonly traits: HeadTraits<any, string, any>;

  /** @param base where its parameters come before the head's; else {@link attach} follows. */
  constructor(config: C, base?: B) {
    super(config);
    if (base !== undefined) this.attach(base);
  }
  protected attach(base: B): void {
    const { baseModelPrefix } = this.constructor as typeof HeadedModel;
    Object.assign(this, { [baseModelPrefix]: base });
  }
  protected get base(): B {
    const { baseModelPrefix } = this.constructor as typeof HeadedModel;
    return (this as unknown as Record<string, B>)[baseModelPrefix];
  }
}

/** `Head` as the class of a family, to be extended. */
export const headed = <K extends Extensible<PreTrainedModel>, P extends string, B>(
  Head: K,
  architecture: string,
  // biome-ignore lint/suspicious/noExplicitAny: only the part below matters to the type
  traits: HeadTraits<any, P, B>,
) => named(Head, architecture, { ...traits, traits } as FamilyTraits) as K & Extensible<Readonly<Record<P, B>>>;
