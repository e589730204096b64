import { ready } from "../../src/index.ts";

// The tests hold the kernels against the oracle.
const kernels = await ready();
await ready({ backend: "reference" });
await ready({ backend: kernels.name });
