// The last two sections of the canonical serialization: guards, and how old measures may grow. An
// older payload ends in front of one of them.
#include <cstddef>
#include <cstring>
#include <vector>

#include "gateway_core/state/canonical_stream.hpp"
#include "gateway_core/state/soundness.hpp"

namespace gateway::canonical {
namespace {

/// GuardFields up to the ages, which stand behind (AgeImage): as long as they were in the payloads
/// of earlier builds.
constexpr std::size_t kGuardImageBytes = 96;
static_assert(offsetof(GuardFields, headroom_age_ms_max) == kGuardImageBytes &&
              sizeof(GuardFields) == kGuardImageBytes + 8);

/// Guards and what was told, of the levels that have any. Near the end of the payload, so that one
/// from before guards ends in front of it.
struct GuardImage {
  std::uint32_t level;
  std::uint32_t id;
  std::uint32_t cause;  // LatchCause, above its low byte the principal of a kill
  std::uint32_t breaker;
  std::int64_t limits_time_ns;
  std::uint8_t fields[kGuardImageBytes];
  Measures measures;
};

/// How old measures may grow, and when they were told. Last in the payload, so that one from before
/// ages ends in front of it.
struct AgeImage {
  std::uint32_t level;
  std::uint32_t id;
  std::uint32_t headroom_age_ms_max;
  std::uint32_t greeks_age_ms_max;
  ToldTimes told_at;
};

}  // namespace

void put_guards(Out& out, const Registry& registry) {
  std::vector<GuardImage> images;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    for (std::uint32_t id = 0; id < registry.level_count(static_cast<Level>(level)); ++id) {
      const LevelEntity& entity = registry.level(static_cast<Level>(level), id);
      const std::uint32_t cause = entity.cause | entity.killed_by << 8;
      GuardImage image{level,          id, cause, entity.breaker, entity.limits_time_ns, {},
                       entity.measures};
      GuardImage fresh{level, id, 0, 0, 0, {}, {}};
      constexpr GuardFields kOff;
      std::memcpy(image.fields, &entity.guard_fields, sizeof image.fields);
      std::memcpy(fresh.fields, &kOff, sizeof fresh.fields);
      if (std::memcmp(&image, &fresh, sizeof image) != 0) images.push_back(image);
    }
  }
  out.put(static_cast<std::uint32_t>(images.size()));
  for (const auto& image : images) out.put(image);
}

bool get_guards(In& in, State& state) {
  if (in.is_done()) return true;  // a payload from before guards
  std::uint32_t count = 0;
  if (!in.get(count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    GuardImage image;
    if (!in.get(image) || !state.registry.has_level(image.level, image.id)) return false;
    const PrincipalId killed_by = image.cause >> 8;
    image.cause &= 0xFF;
    const bool is_kill = image.cause == static_cast<std::uint32_t>(LatchCause::kKill);
    if (image.cause > static_cast<std::uint32_t>(LatchCause::kKill) ||
        (killed_by != 0 && !(is_kill && state.registry.principals.has(killed_by))) ||
        image.breaker > static_cast<std::uint32_t>(BreakerState::kHalfOpen)) {
      return false;
    }
    GuardFields fields;
    std::memcpy(static_cast<void*>(&fields), image.fields, sizeof image.fields);
    if (!is_sound(fields, image.measures)) return false;
    LevelEntity& entity = state.registry.level(static_cast<Level>(image.level), image.id);
    entity.cause = static_cast<std::uint8_t>(image.cause);
    entity.killed_by = killed_by;
    entity.breaker = static_cast<std::uint8_t>(image.breaker);
    entity.limits_time_ns = image.limits_time_ns;
    entity.measures = image.measures;
    entity.set(fields);
    if ((image.measures.told & kToldGreeks) == 0) continue;
    if (static_cast<Level>(image.level) != Level::kInstrument) return false;
    state.routes.tell_greeks(image.id, image.measures.greeks_e8);
  }
  return true;
}

void put_ages(Out& out, const Registry& registry) {
  std::vector<AgeImage> images;
  for (std::uint32_t level = 0; level < kLevels; ++level) {
    for (std::uint32_t id = 0; id < registry.level_count(static_cast<Level>(level)); ++id) {
      const LevelEntity& entity = registry.level(static_cast<Level>(level), id);
      const GuardFields& fields = entity.guard_fields;
      const bool is_fresh = (fields.headroom_age_ms_max | fields.greeks_age_ms_max) == 0 &&
                            entity.told_at == ToldTimes{};
      if (is_fresh) continue;
      images.push_back(
          {level, id, fields.headroom_age_ms_max, fields.greeks_age_ms_max, entity.told_at});
    }
  }
  out.put(static_cast<std::uint32_t>(images.size()));
  for (const auto& image : images) out.put(image);
}

bool get_ages(In& in, Registry& registry) {
  if (in.is_done()) return true;  // a payload from before ages
  std::uint32_t count = 0;
  if (!in.get(count)) return false;
  for (std::uint32_t i = 0; i < count; ++i) {
    AgeImage image;
    if (!in.get(image) || !registry.has_level(image.level, image.id)) return false;
    LevelEntity& entity = registry.level(static_cast<Level>(image.level), image.id);
    GuardFields fields = entity.guard_fields;
    fields.headroom_age_ms_max = image.headroom_age_ms_max;
    fields.greeks_age_ms_max = image.greeks_age_ms_max;
    entity.told_at = image.told_at;
    entity.set(fields);
  }
  return true;
}

}  // namespace gateway::canonical
