// Read before everything else that the explorer runs: fences are known here, and no function is
// left out of the instrumentation.
#define GATEWAY_HAS_FENCES 1
#define no_sanitize(what)
