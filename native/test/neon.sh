#!/usr/bin/env bash
# Builds the kernels for AArch64 and runs the multiply's test under qemu-user.
set -e
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
flags="-O2 -std=c++17 -fno-exceptions -fno-rtti -ffp-contract=fast -fno-math-errno -w -static -DSHOSHIN_ISA_NAME=neon"
for source in kernels/all threads test/gemm_test test/kernels_test; do
  aarch64-linux-gnu-g++ $flags -c "$source.cc" -o "$out/$(basename "$source").o"
done
aarch64-linux-gnu-g++ -static "$out/all.o" "$out/threads.o" "$out/gemm_test.o" -lpthread -lm -o "$out/gemm"
aarch64-linux-gnu-g++ -static "$out/all.o" "$out/threads.o" "$out/kernels_test.o" -lpthread -lm -o "$out/kernels"
qemu-aarch64 "$out/gemm" 60
qemu-aarch64 "$out/kernels"
