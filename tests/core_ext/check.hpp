// The whole C++ test framework: TEST(name) { CHECK(x); CHECK_EQUAL(a, b); } main is in check.cpp.
// Must never need a download. A failing check prints its line and the run exits with 1.
#pragma once

#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

// clang's thread sanitizer brings an operator new that a program cannot replace: tests that count
// or fail allocations run everywhere else.
#define CHECK_REPLACES_NEW 1
#if defined(__clang__) && defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef CHECK_REPLACES_NEW
#define CHECK_REPLACES_NEW 0
#endif
#endif

namespace check {

struct Case {
  const char* name;
  void (*body)();
};
inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
inline int& failures() {
  static int count = 0;
  return count;
}
struct Register {
  Register(const char* name, void (*body)()) { cases().push_back({name, body}); }
};

template <typename T>
std::string show(const T& value) {
  if constexpr (requires(std::ostringstream& out) { out << value; }) {
    std::ostringstream out;
    out << value;
    return out.str();
  } else if constexpr (requires { static_cast<long long>(value); }) {
    return std::to_string(static_cast<long long>(value));
  } else {
    return "?";
  }
}

inline void fail(const char* file, int line, const std::string& what) {
  ++failures();
  std::printf("%s:%d: %s\n", file, line, what.c_str());
}

template <typename A, typename B>
void equal(const A& a, const B& b, const char* text, const char* file, int line) {
  if (!(a == b)) fail(file, line, std::string(text) + ": " + show(a) + " != " + show(b));
}

inline int run() {
  for (const auto& one : cases()) {
    const int before = failures();
    one.body();
    std::printf("%s %s\n", failures() == before ? "ok  " : "FAIL", one.name);
    std::fflush(stdout);
  }
  std::printf("%zu tests, %d failed checks\n", cases().size(), failures());
  return failures() == 0 && !cases().empty() ? 0 : 1;
}

}  // namespace check

#define TEST(name)                                                  \
  static void test_##name();                                        \
  static const check::Register register_##name(#name, test_##name); \
  static void test_##name()
#define CHECK(condition)                                           \
  do {                                                             \
    if (!(condition)) check::fail(__FILE__, __LINE__, #condition); \
  } while (false)
#define CHECK_EQUAL(a, b) check::equal((a), (b), #a " == " #b, __FILE__, __LINE__)
