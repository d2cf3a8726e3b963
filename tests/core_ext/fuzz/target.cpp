// Compiled once per fuzz target, with its definitions. Must never hold more than constants.
#include "fuzz/target.hpp"

const char* const kFuzzTarget = GATEWAY_FUZZ_TARGET;
const char* const kFuzzCorpus = GATEWAY_FUZZ_CORPUS;
const std::uint64_t kFuzzUsual = GATEWAY_FUZZ_USUAL;
