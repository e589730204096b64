// The few functions of the C library that the sources use, for a target that has none (native/wasm/libc.cc).
#pragma once
#include <stddef.h>
extern "C" {
void* memcpy(void* to, const void* from, size_t n);
void* memset(void* to, int value, size_t n);
}
