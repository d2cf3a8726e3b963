// The framer: good messages, everything garbled, bounds, and linear work on bytes that drip.
#include "gateway_core/fix/framer.hpp"

#include <string>
#include <vector>

#include "check.hpp"
#include "fix/sample.hpp"

using namespace gateway::fix;  // NOLINT
using sample::close;
using sample::message;
using sample::soh;

namespace {

/// What came out, as words: the message type of a good one, else the fault.
std::string drain(Framer& framer) {
  std::string out;
  Frame frame;
  while (framer.next(frame)) {
    out += frame.fault == FrameFault::kNone ? std::string(frame.message_type)
                                            : std::string(word_of(frame.fault));
    out += ' ';
  }
  return out;
}

std::string frames(const std::string& wire, FramerLimits limits = {}) {
  Framer framer(limits);
  CHECK(framer.feed(wire.data(), wire.size()));
  return drain(framer);
}

const std::string kNext = message("35=0|34=7|");

}  // namespace

TEST(whole_messages_come_out_whole) {
  Framer framer({});
  const std::string order = message("35=D|11=a|55=X|", 0, "FIXT.1.1");
  const std::string wire = order + kNext;
  CHECK(framer.feed(wire.data(), wire.size()));
  Frame frame;
  CHECK(framer.next(frame));
  CHECK_EQUAL(frame.data, order);
  CHECK_EQUAL(frame.begin_string, "FIXT.1.1");
  CHECK_EQUAL(frame.message_type, "D");
  CHECK(framer.next(frame));
  CHECK_EQUAL(frame.data, kNext);
  CHECK(!framer.next(frame));
  CHECK_EQUAL(framer.buffered(), 0U);
}

TEST(garbled_messages_are_dropped_and_the_next_one_lives) {
  const std::string good = message("35=D|11=a|");
  std::string bad_sum = good;
  bad_sum[bad_sum.size() - 2] = bad_sum[bad_sum.size() - 2] == '0' ? '1' : '0';
  CHECK_EQUAL(frames(bad_sum + kNext), "checksum 0 ");
  CHECK_EQUAL(frames("rubbish" + good + kNext), "junk D 0 ");
  CHECK_EQUAL(frames(soh("8=FIX.4.4|35=D|9=5|34=1|10=000|") + kNext), "header_order 0 ");
  CHECK_EQUAL(frames(message("34=1|35=D|") + kNext), "header_order 0 ");
  CHECK_EQUAL(frames(message("|") + kNext), "header_order 0 ");
  CHECK_EQUAL(frames(message("35=D|11=a|", -2) + kNext), "body_length 0 ");
  CHECK_EQUAL(frames(message("35=D|abc=1|") + kNext), "bad_tag 0 ");
  CHECK_EQUAL(frames(message("35=D||11=a|") + kNext), "bad_tag 0 ");
  CHECK_EQUAL(frames(message("35=D|10=000|11=a|") + kNext), "trailer_order 0 ");
  for (const char* length : {"-5", "0", "010", "1x", "", " 5", "5 "}) {
    CHECK_EQUAL(frames(close(soh("8=FIX.4.4|9=") + length + soh("|35=0|")) + kNext),
                "body_length 0 ");
  }
  for (const char* sum : {"1", "12", "1234", "+12", "0x1", ""}) {
    const std::string cut = good.substr(0, good.size() - 4) + sum + "\x01";
    CHECK_EQUAL(frames(cut + kNext), "checksum 0 ");
  }
  CHECK_EQUAL(frames(soh("8=FIX.4.4.4.4.4.4.4.4|9=5|35=0|10=000|") + kNext), "header_order 0 ");
  // Without a trailer the next message stands where the trailer should.
  CHECK_EQUAL(frames(good.substr(0, good.size() - 7) + kNext + kNext), "body_length 0 0 ");
}

TEST(a_length_too_long_takes_the_next_message_with_it_and_no_other) {
  const auto next_bytes = static_cast<int>(kNext.size());
  for (int wrong = 1; wrong < next_bytes; ++wrong) {
    CHECK_EQUAL(frames(message("35=D|11=a|", wrong) + kNext + kNext), "body_length 0 ");
  }
  // Its trailer is where the next one's is: the sum tells.
  CHECK_EQUAL(frames(message("35=D|11=a|", next_bytes) + kNext + kNext), "checksum 0 ");
}

TEST(a_length_too_short_takes_its_own_message_alone) {
  for (int wrong = -9; wrong < 0; ++wrong) {
    CHECK_EQUAL(frames(message("35=D|11=a|", wrong) + kNext), "body_length 0 ");
  }
}

TEST(what_follows_a_wrong_length_is_skipped_to_its_trailer_however_it_is_cut) {
  const std::string wire = message("35=D|11=a|", 3) + message("35=8|10=|") + kNext;
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    Framer framer({});
    CHECK(framer.feed(wire.data(), cut));
    std::string out = drain(framer);
    CHECK(framer.feed(wire.data() + cut, wire.size() - cut));
    out += drain(framer);
    CHECK(out.starts_with("body_length ") && out.ends_with(" 0 "));
    CHECK_EQUAL(framer.buffered(), 0U);
  }
  // A trailer that never ends is none: the next start counts again.
  CHECK_EQUAL(frames(message("35=D|11=a|", -2).substr(0, 26) + soh("|10=123456789") + kNext),
              "body_length junk 0 ");
}

TEST(a_length_beyond_the_limit_is_not_waited_for) {
  CHECK_EQUAL(frames(soh("8=FIX.4.4|9=99999999999999999999")), "too_long ");
  CHECK_EQUAL(frames(soh("8=FIX.4.4|9=65536|35=D|11=a|") + kNext), "too_long 0 ");
  FramerLimits limits;
  limits.message_bytes_max = kNext.size();
  CHECK_EQUAL(frames(kNext, limits), "0 ");
  --limits.message_bytes_max;
  CHECK_EQUAL(frames(kNext + kNext, limits), "too_long too_long ");
}

TEST(fields_are_counted_against_their_limit) {
  FramerLimits limits;
  limits.fields_max = 6;
  CHECK_EQUAL(frames(message("35=D|1=a|2=b|"), limits), "D ");
  CHECK_EQUAL(frames(message("35=D|1=a|2=b|3=c|") + kNext, limits), "too_many_fields 0 ");
}

TEST(a_false_start_does_not_hide_the_true_one) {
  CHECK_EQUAL(frames("8=FIX8=FIX8=FI" + kNext), "header_order header_order 0 ");
  CHECK_EQUAL(frames("8=" + kNext), "junk 0 ");
  CHECK_EQUAL(frames("58=FIX is not spoken" + kNext), "junk header_order 0 ");
}

TEST(data_with_separators_and_whole_messages_inside_is_one_message) {
  const std::string inner = message("35=0|34=9|");
  const std::string outer = close([&] {
    const std::string body =
        soh("35=B|95=") + std::to_string(inner.size()) + soh("|96=") + inner + soh("|58=x|");
    return soh("8=FIX.4.4|9=") + std::to_string(body.size()) + "\x01" + body;
  }());
  CHECK_EQUAL(frames(outer + kNext), "B 0 ");
}

TEST(every_cut_of_a_stream_gives_the_same_messages) {
  const std::string wire =
      message("35=D|11=a|95=3|96=x|y|") + kNext + message("35=8|10=001|") + kNext;
  for (std::size_t cut = 0; cut <= wire.size(); ++cut) {
    Framer framer({});
    CHECK(framer.feed(wire.data(), cut));
    std::string out = drain(framer);
    CHECK(framer.feed(wire.data() + cut, wire.size() - cut));
    out += drain(framer);
    CHECK_EQUAL(out, "D 0 trailer_order 0 ");
    CHECK_EQUAL(framer.buffered(), 0U);
  }
}

TEST(bytes_that_drip_cost_no_more_than_bytes_at_once) {
  std::string wire;
  for (int i = 0; i < 200; ++i) {
    wire += message("35=D|11=order|58=" + std::string(static_cast<std::size_t>(i) * 10, 'x') + "|");
    if (i % 5 == 0) wire += "junk 8=FI 8888";
    if (i % 7 == 0) wire += message("35=D|11=a|", 300);
  }
  Framer whole({});
  CHECK(whole.feed(wire.data(), wire.size()));
  std::string text;
  (void)drain(whole);
  Framer drip({});
  for (const char c : wire) {
    CHECK(drip.feed(&c, 1));
    text += drain(drip);
  }
  CHECK(whole.work() <= 4 * wire.size());
  CHECK(drip.work() <= 6 * wire.size());
  CHECK(drip.capacity() <= 64 * 1024);
}

TEST(a_message_that_never_ends_is_given_up_at_the_limit) {
  Framer framer({});
  const std::string start = soh("8=FIX.4.4|9=65000|35=D|");
  CHECK(framer.feed(start.data(), start.size()));
  std::string out;
  std::size_t most = 0;
  for (int i = 0; i < 100'000; ++i) {
    CHECK(framer.feed("x", 1));
    out += drain(framer);
    most = std::max(most, framer.buffered());
    if (!out.empty()) break;
  }
  CHECK_EQUAL(out, "body_length ");
  CHECK(most <= 65'536U);
}

TEST(a_buffer_that_nobody_empties_refuses_more_and_keeps_what_it_has) {
  FramerLimits limits;
  limits.buffer_bytes_max = kNext.size() + 3;
  Framer framer(limits);
  CHECK(framer.feed(kNext.data(), kNext.size()));
  CHECK(!framer.feed("1234", 4));
  CHECK(framer.feed("123", 3));
  CHECK(!framer.feed("1", 1));
  CHECK_EQUAL(drain(framer), "0 junk ");
  CHECK(framer.feed(kNext.data(), kNext.size()));
}

TEST(an_idle_framer_holds_little_memory) {
  Framer framer({});
  const std::string large = message("35=B|58=" + std::string(60'000, 'x') + "|");
  CHECK(framer.feed(large.data(), large.size()));
  CHECK(framer.capacity() >= large.size());
  CHECK_EQUAL(drain(framer), "B ");
  CHECK(framer.capacity() <= 4096U);
}
