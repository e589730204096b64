import { DataError, readBytes } from "./lines.ts";

/** Images [n, rows, cols] of bytes 0–255 with their labels. */
export interface ImageData {
  images: Uint8Array;
  labels: Uint8Array | undefined;
  count: number;
  rows: number;
  cols: number;
}

/** An IDX file (LeCun's MNIST format) of unsigned bytes. Throws {@link DataError} for another type or a wrong length. */
export async function readIdx(path: string): Promise<{ shape: number[]; data: Uint8Array }> {
  const bytes = await readBytes(path);
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0)
    throw new DataError(`${path}: no IDX file (its first bytes are not 0, 0)`);
  if (bytes[2] !== 8) throw new DataError(`${path}: IDX type ${bytes[2]}; only unsigned bytes (8) are read`);
  const ndim = bytes[3];
  const start = 4 + 4 * ndim;
  if (ndim < 1 || ndim > 4 || bytes.length < start)
    throw new DataError(`${path}: IDX header of ${ndim} dimensions is cut off`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: ndim }, (_, d) => view.getUint32(4 + 4 * d));
  const size = shape.reduce((n, s) => n * s, 1);
  if (bytes.length - start !== size) {
    throw new DataError(
      `${path}: [${shape}] needs ${size} bytes, the file has ${bytes.length - start}`,
      "It is cut off or damaged.",
    );
  }
  return { shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + start, size) };
}

/** Images and, if given, labels. Throws {@link DataError} if their counts differ. */
export async function readImages(imagesPath: string, labelsPath: string | undefined): Promise<ImageData> {
  const { shape, data } = await readIdx(imagesPath);
  if (shape.length !== 3) throw new DataError(`${imagesPath}: expected images [n, rows, columns], found [${shape}]`);
  const labels = labelsPath === undefined ? undefined : await readIdx(labelsPath);
  if (labels !== undefined && (labels.shape.length !== 1 || labels.shape[0] !== shape[0])) {
    throw new DataError(`${labelsPath}: labels [${labels.shape}] for ${shape[0]} images`);
  }
  return { images: data, labels: labels?.data, count: shape[0], rows: shape[1], cols: shape[2] };
}
