#pragma once
#include <stdarg.h>
#include <stddef.h>
extern "C" {
// %s, %d, %lld, %g and %.0f.
int vsnprintf(char* to, size_t size, const char* format, va_list args);
int snprintf(char* to, size_t size, const char* format, ...);
}
