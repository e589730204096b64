import { existsSync } from "#platform";
import { DataError, type Part, readImages, resolveSource } from "../../data/index.ts";
import type { Found, How, Reader } from "../reading.ts";

/** An image and its class. */
export interface LabelledImage {
  /** [rows · cols] of 0 to 255. */
  readonly pixels: Uint8Array;
  readonly label: string | undefined;
}

/** The size of all images. */
export interface ImagesAbout {
  readonly rows: number;
  readonly cols: number;
}

const isImages = (path: string) => /images|idx3/.test(path);

/** The labels file that goes with an images file: the one whose name differs in that word only. */
function labelsBeside(images: string, files: readonly string[]): { stem: string; path: string | undefined } {
  const stem = images.replace("images", "labels").replace("idx3", "idx1").replace(/\.gz$/, "");
  const path =
    files.find((file) => file.replace(/\.gz$/, "") === stem) ??
    (files.length === 1 ? undefined : files.find((file) => file !== images && /labels|idx1/.test(file))) ??
    [stem, `${stem}.gz`].find((file) => existsSync(file));
  return { stem, path };
}

/** Images of one part of a source, with their labels. */
async function readPart(
  files: readonly string[],
  { labels: needed, like }: How<ImagesAbout>,
): Promise<Found<LabelledImage, ImagesAbout>> {
  const images = files.find(isImages) as string;
  const { stem, path } = labelsBeside(images, files);
  if (path === undefined && needed) throw new DataError(`${images}: no labels beside it`, `Expected ${stem}`);
  const { images: pixels, labels, count, rows, cols } = await readImages(images, path);
  if (like !== undefined && (rows !== like.rows || cols !== like.cols))
    throw new DataError(`${images}: images of ${rows} × ${cols}; the model takes ${like.rows} × ${like.cols}`);
  const size = rows * cols;
  const examples = Array.from({ length: count }, (_, i) => ({
    pixels: pixels.subarray(i * size, (i + 1) * size),
    label: labels && String(labels[i]),
  }));
  return { examples, about: { rows, cols } };
}

/** Images as MNIST has them: IDX files, of images and of their labels. */
export const imageReader: Reader<LabelledImage, ImagesAbout> = {
  called: "images",
  async find(data) {
    const { parts } = resolveSource(data, "images");
    const found = (Object.entries(parts) as [Part, string[]][]).filter(([, files]) => files.some(isImages));
    if (found.length === 0)
      throw new DataError(
        `${data}: no IDX images`,
        "Expected files as MNIST names them: train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz).",
      );
    return {
      files: Object.fromEntries(found),
      parts: Object.fromEntries(found.map(([part, files]) => [part, (how) => readPart(files, how)])),
    };
  },
  labelled: ({ label }) => label !== undefined,
  stratum: ({ label }) => label ?? "",
};
