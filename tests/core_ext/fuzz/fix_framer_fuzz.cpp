// A stranger's bytes, cut anywhere: the framer hands out every byte once, in order, never more than
// it was given; what it calls good is good by a check of its own; the cuts do not matter but for
// where junk is split; work stays linear.
// Input: u8 how it is cut, then the bytes.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "gateway_core/fix/framer.hpp"

using namespace gateway::fix;  // NOLINT

namespace {

void demand(bool is_true) {
  if (!is_true) std::abort();
}

/// Written apart from the framer: 8, 9, 35, length and sum, by searching text.
bool is_message(const std::string& text) {
  if (!text.starts_with("8=FIX")) return false;
  const std::size_t nine = text.find('\x01') + 1;
  if (text.compare(nine, 2, "9=") != 0) return false;
  const std::size_t body = text.find('\x01', nine) + 1;
  if (text.compare(body, 3, "35=") != 0) return false;
  const std::size_t bytes = std::stoul(text.substr(nine + 2, body - nine - 3));
  if (text.size() != body + bytes + 7 || text.compare(body + bytes - 1, 4,
                                                      "\x01"
                                                      "10=") != 0) {
    return false;
  }
  unsigned sum = 0;
  for (std::size_t i = 0; i < body + bytes; ++i) sum += static_cast<unsigned char>(text[i]);
  return std::stoul(text.substr(body + bytes + 3, 3)) == sum % 256 && text.back() == '\x01';
}

struct Outcome {
  std::string taken;
  std::vector<std::string> good;
};

void drain(Framer& framer, Outcome& out) {
  Frame frame;
  while (framer.next(frame)) {
    demand(!frame.data.empty());
    const std::string data(frame.data);
    out.taken += data;
    if (frame.fault != FrameFault::kNone) continue;
    demand(is_message(data));
    FieldCursor cursor(frame.data);
    Field field;
    std::string again;
    while (cursor.next(field)) {
      again += std::to_string(field.tag) + "=" + std::string(field.value) + "\x01";
    }
    demand(!cursor.is_broken() && again == data);
    out.good.push_back(data);
  }
}

Outcome run(const std::uint8_t* data, std::size_t bytes, std::size_t step) {
  FramerLimits limits;
  limits.message_bytes_max = 2048;
  limits.fields_max = 64;
  Framer framer(limits);
  Outcome out;
  for (std::size_t at = 0; at < bytes; at += step) {
    const std::size_t count = std::min(step, bytes - at);
    // Heap memory of exactly this size, so that one byte too far is seen.
    const std::vector<char> piece(data + at, data + at + count);
    demand(framer.feed(piece.data(), count));
    drain(framer, out);
  }
  demand(out.taken.size() + framer.buffered() == bytes);
  demand(out.taken.empty() || std::memcmp(out.taken.data(), data, out.taken.size()) == 0);
  demand(framer.work() <= 8 * bytes + 64);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  if (bytes == 0) return 0;
  const std::size_t step = 1 + data[0];
  ++data;
  --bytes;
  const Outcome cut = run(data, bytes, step);
  const Outcome whole = run(data, bytes, bytes + 1);
  const Outcome drip = run(data, bytes, 1);
  demand(cut.good == whole.good && drip.good == whole.good);
  return 0;
}
