#pragma once
#include <stddef.h>
extern "C" {
// Aligned to 64 bytes at most.
int posix_memalign(void** out, size_t align, size_t size);
void free(void* p);
char* getenv(const char* name);
}
