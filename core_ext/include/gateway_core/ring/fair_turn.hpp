// Whose turn it is when one consumer reads many lanes: every lane is reached again within a bounded
// number of sweeps, however busy the others are. Consumer's thread only; it never waits.
#pragma once

#include <algorithm>
#include <cstddef>

namespace gateway {

class FairTurn {
 public:
  /// A lane gives at least this many before the next one is asked, when the limit allows: reading a
  /// few entries in a row costs less than looking at as many lanes.
  static constexpr std::size_t kShareMin = 16;

  /// Most that one of `lanes` gives in a sweep of at most `limit`.
  [[nodiscard]] static constexpr std::size_t share_of(std::size_t lanes,
                                                      std::size_t limit) noexcept {
    return lanes == 0 ? limit : std::min(limit, std::max(limit / lanes, kShareMin));
  }
  /// Sweeps after which each of `lanes` has had its turn at least once, when all are full.
  [[nodiscard]] static constexpr std::size_t sweeps_until_served(std::size_t lanes,
                                                                 std::size_t limit) noexcept {
    const std::size_t each = std::max<std::size_t>(share_of(lanes, limit), 1);
    const std::size_t lanes_per_sweep = std::max<std::size_t>(limit / each, 1);
    return (lanes + lanes_per_sweep - 1) / lanes_per_sweep;
  }

  /// One sweep: serve(lane, share) takes at most `share` from that lane and says how many it took.
  /// Asks each lane at most once and ends when `limit` is used up; the next sweep goes on behind
  /// the lane that was served last. Returns the sum: at most `lanes` + `limit` steps.
  template <typename Serve>
  std::size_t sweep(std::size_t lanes, std::size_t limit, Serve&& serve) noexcept {
    const std::size_t share = share_of(lanes, limit);
    std::size_t done = 0;
    std::size_t lane = next_ < lanes ? next_ : 0;
    for (std::size_t asked = 0; asked < lanes && done < limit; ++asked) {
      done += serve(lane, std::min(share, limit - done));
      lane = lane + 1 < lanes ? lane + 1 : 0;
    }
    next_ = lane;
    return done;
  }

 private:
  std::size_t next_ = 0;
};

}  // namespace gateway
