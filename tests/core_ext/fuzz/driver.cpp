// Runs a libFuzzer-style target without libFuzzer: first the corpus, then mutations of it from a
// seed, so that a run with the same seed and count is the same run. With clang the targets are also
// built against libFuzzer itself (make fuzz).
// GATEWAY_FUZZ_SECONDS: how long (default: GATEWAY_FUZZ_EXECUTIONS, else what the build says).
// GATEWAY_FUZZ_SEED: which run.
// TARGET FILE...: only these inputs, to see a failure again.
#include <time.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/target.hpp"
#include "random.hpp"

extern "C" void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes);

namespace {

using Input = std::vector<std::uint8_t>;
constexpr std::size_t kInputMax = 16384;
constexpr std::size_t kPoolMax = 4096;
constexpr std::int64_t kHangMs = 1000;  // of the processor, for a single input: generous

/// Time of this thread on a processor: what a busy machine gives to others is no hang of ours.
std::int64_t processor_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

/// Files of the corpus are hexadecimal text (.hex), kept inputs are bytes.
Input load(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const Input bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (path.extension() != ".hex") return bytes;
  Input decoded;
  std::string pair;
  for (const std::uint8_t letter : bytes) {
    if (std::isxdigit(letter) == 0) continue;
    pair += static_cast<char>(letter);
    if (pair.size() < 2) continue;
    decoded.push_back(static_cast<std::uint8_t>(std::stoul(pair, nullptr, 16)));
    pair.clear();
  }
  return decoded;
}

std::uint64_t number_from(const char* name, std::uint64_t usual) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : usual;
}

/// One small change: bits, bytes, numbers at their limits, pieces moved, doubled, cut, crossed.
void mutate(Input& input, const std::vector<Input>& pool, check::Random& random) {
  if (input.empty()) input.resize(1 + random.below(64));
  const std::size_t at = random.below(input.size());
  const std::size_t count = 1 + random.below(std::min<std::size_t>(64, input.size() - at));
  const auto begin = input.begin() + static_cast<std::ptrdiff_t>(at);
  switch (random.below(9)) {
    case 0:
      input[at] ^= static_cast<std::uint8_t>(1U << random.below(8));
      break;
    case 1:
      input[at] = static_cast<std::uint8_t>(random.next());
      break;
    case 2: {
      static constexpr std::uint64_t kLimits[] = {0,
                                                  1,
                                                  0x7F,
                                                  0x80,
                                                  0xFF,
                                                  0x7FFF,
                                                  0xFFFF,
                                                  0x7FFFFFFF,
                                                  0x80000000,
                                                  0xFFFFFFFF,
                                                  0x7FFFFFFFFFFFFFFF,
                                                  0x8000000000000000,
                                                  0xFFFFFFFFFFFFFFFF,
                                                  64,
                                                  4096,
                                                  4160};
      const std::uint64_t value = kLimits[random.below(std::size(kLimits))];
      const std::size_t width = std::size_t{1} << random.below(4);
      for (std::size_t i = 0; i < width && at + i < input.size(); ++i) {
        input[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
      }
      break;
    }
    case 3:
      input.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
      break;
    case 4: {
      const Input piece(begin, begin + static_cast<std::ptrdiff_t>(count));
      input.insert(begin, piece.begin(), piece.end());
      break;
    }
    case 5:
      for (std::size_t i = 0; i < count; ++i) {
        input[at + i] = static_cast<std::uint8_t>(random.next());
      }
      break;
    case 6: {
      const Input& other = pool[random.below(pool.size())];
      if (other.empty()) break;
      const std::size_t from = random.below(other.size());
      const std::size_t much = 1 + random.below(std::min<std::size_t>(256, other.size() - from));
      for (std::size_t i = 0; i < much && at + i < input.size(); ++i)
        input[at + i] = other[from + i];
      break;
    }
    case 7: {  // a number goes up or down by one
      input[at] = static_cast<std::uint8_t>(input[at] + (random.below(2) == 0 ? 1 : 255));
      break;
    }
    default:
      input.resize(at);
  }
  if (input.size() > kInputMax) input.resize(kInputMax);
}

Input running;  // what the target works on

/// The input that ended the process is kept, so that TARGET crash-TARGET shows it again.
void keep() {
  std::ofstream(std::string("crash-") + kFuzzTarget, std::ios::binary)
      .write(reinterpret_cast<const char*>(running.data()),
             static_cast<std::streamsize>(running.size()));
}
void keep_and_end(int signal) {
  keep();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

int main(int count, char** names) {
  if (count > 1) {
    for (int i = 1; i < count; ++i) {
      const Input input = load(names[i]);
      LLVMFuzzerTestOneInput(input.data(), input.size());
      std::printf("ran %s\n", names[i]);
    }
    return 0;
  }
  std::signal(SIGABRT, keep_and_end);
  std::signal(SIGSEGV, keep_and_end);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kFuzzCorpus)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Input> pool;
  for (const auto& path : files) pool.push_back(load(path));
  if (pool.empty()) {
    std::printf("no corpus in %s\n", kFuzzCorpus);
    return 1;
  }
  for (const Input& input : pool) LLVMFuzzerTestOneInput(input.data(), input.size());
  const std::uint64_t seed = number_from("GATEWAY_FUZZ_SEED", 1);
  const std::uint64_t seconds = number_from("GATEWAY_FUZZ_SECONDS", 0);
  const std::uint64_t wanted =
      seconds != 0 ? ~std::uint64_t{0} : number_from("GATEWAY_FUZZ_EXECUTIONS", kFuzzUsual);
  check::Random random(seed);
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  std::uint64_t done = 0;
  for (; done < wanted; ++done) {
    if (seconds != 0 && Clock::now() - start >= std::chrono::seconds(seconds)) break;
    Input input = pool[random.below(pool.size())];
    for (std::uint64_t left = 1 + random.below(4); left > 0; --left) mutate(input, pool, random);
    running = input;
    const std::int64_t before = processor_ms();
    LLVMFuzzerTestOneInput(input.data(), input.size());
    if (processor_ms() - before > kHangMs) {
      std::printf("%s: an input took longer than %d ms: kept in crash-%s\n", kFuzzTarget,
                  static_cast<int>(kHangMs), kFuzzTarget);
      keep();
      return 1;
    }
    // Now and then a mutant becomes a parent, so that changes add up.
    if (random.below(64) == 0) {
      if (pool.size() < kPoolMax) {
        pool.push_back(std::move(input));
      } else {
        pool[files.size() + random.below(pool.size() - files.size())] = std::move(input);
      }
    }
  }
  std::printf("%s: %llu executions from %zu inputs, seed %llu\n", kFuzzTarget,
              static_cast<unsigned long long>(done), files.size(),
              static_cast<unsigned long long>(seed));
  return 0;
}
