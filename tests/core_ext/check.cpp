// The main of every C++ test program. Must never do more than run what TEST registered.
#include "check.hpp"

int main() { return check::run(); }
