#pragma once
#define NAN __builtin_nanf("")
static inline double floor(double x) { return __builtin_floor(x); }
extern "C" double fmod(double x, double y);
