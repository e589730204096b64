// Which instruction set's kernels run.
#pragma once
#include "kernels.h"

namespace shoshin {

// Chooses by name ("avx2"); null: the best there is. False if the machine or the build lacks it.
bool choose(const char* name);
// The i-th instruction set that this machine can run, best first; null past the last.
const Kernels* available(int i);
// What SHOSHIN_ISA asked for in vain, or null.
const char* missing_choice();

}  // namespace shoshin
