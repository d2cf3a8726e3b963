// What the build says of one fuzz target, so that the driver is compiled once for all.
#pragma once

#include <cstdint>

extern const char* const kFuzzTarget;
extern const char* const kFuzzCorpus;
extern const std::uint64_t kFuzzUsual;  // executions of a run that is not told how many
