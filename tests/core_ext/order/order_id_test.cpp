// Packing and unpacking of order ids, at the edges and in between.
#include "gateway_core/order/order_id.hpp"

#include "check.hpp"

using namespace gateway;

TEST(parts_come_back_as_they_went_in) {
  std::uint64_t random = 88172645463325252ULL;
  for (int i = 0; i < 100000; ++i) {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    const OrderId id = random & 0x7FFFFFFFFFFFFFFFULL;
    CHECK_EQUAL(make_order_id(split_order_id(id)), id);
  }
}

TEST(a_part_that_does_not_fit_gives_no_id) {
  CHECK_EQUAL(make_order_id({kOrderInstanceMax + 1, 1, 1}), 0ULL);
  CHECK_EQUAL(make_order_id({1, kOrderEpochMax + 1, 1}), 0ULL);
  CHECK_EQUAL(make_order_id({1, 1, kOrderSequenceMax + 1}), 0ULL);
}

TEST(ids_rise_with_sequence_then_epoch_then_instance) {
  CHECK(make_order_id({1, 1, 2}) > make_order_id({1, 1, 1}));
  CHECK(make_order_id({1, 2, 0}) > make_order_id({1, 1, kOrderSequenceMax}));
  CHECK(make_order_id({2, 0, 0}) > make_order_id({1, kOrderEpochMax, kOrderSequenceMax}));
}
