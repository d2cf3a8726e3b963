// FIX sessions through crashes: the process is stopped between every pair of steps, or the power
// fails at any disk call, and the next life goes on. No number is used twice, no message that went
// out is lost, no message is half there. Planted faults of the order of steps must be found.
#include <map>

#include "check.hpp"
#include "engine/fix_world.hpp"
#include "journal/journal_world.hpp"

using namespace desk;  // NOLINT

namespace {

constexpr std::uint64_t kRing = 1 << 18;
constexpr FixSessionId kSessions = 2;

/// What may be wrong about the order of steps.
enum class Plan : std::uint8_t {
  kRight,
  kSentFirst,        // bytes go out before they are journaled
  kNotSynced,        // at level disk they go out before they are synced
  kIncomingNotKept,  // the incoming number is answered for before it is journaled
};

/// What the other side has seen, of all lives: it forgets nothing.
struct Peer {
  std::int64_t period = 0;
  std::map<std::uint64_t, std::string> got;  // in this period
  std::uint64_t incoming = 0;                // that we said we took
  std::uint64_t twice = 0;

  void receive(std::uint64_t number, const std::string& text) {
    const auto [at, is_new] = got.emplace(number, text);
    if (!is_new && at->second != text) ++twice;
  }
};

struct Tally {
  std::uint64_t lives = 0;
  std::uint64_t sent = 0;
  std::uint64_t lost = 0;    // went out, and cannot be resent
  std::uint64_t reused = 0;  // went out, and its number is free again
  std::uint64_t twice = 0;   // two messages went out under one number
  std::uint64_t incoming_back = 0;
  std::uint64_t refused = 0;  // starts
  [[nodiscard]] std::uint64_t failures() const {
    return lost + reused + twice + incoming_back + refused;
  }
};

/// One life of the gateway on what the last one left.
struct Life {
  simulated::World& world;
  Follower follower;
  std::unique_ptr<State> state;
  Clock clock{VirtualTime{1}};
  std::unique_ptr<Engine> engine;

  explicit Life(simulated::World& on) : world(on) {}
  [[nodiscard]] bool start() {
    world.visitor = &follower;
    const bool is_up = world.boot();
    world.visitor = nullptr;
    if (!is_up || follower.has_failed()) return false;
    state = follower.release({64, 64, 32});
    engine = std::make_unique<Engine>(*state, *world.writer, clock, EngineSettings{});
    Boot boot{};
    boot.epoch = world.epoch;
    boot.orders_max = boot.idempotency_max = 64;
    boot.positions_max = 32;
    CHECK(engine->record_control(RecordKind::kBoot, boot) != 0);
    while (state->fix.count() < kSessions) {
      const auto name = numbered("FIX.4.4:US->THEM:", state->fix.count());
      if (define_session(*engine, name) == 0) return false;
    }
    return true;
  }
  [[nodiscard]] std::vector<journal::FixMessage> kept(FixSessionId id, std::uint64_t last) {
    journal::FixMessages messages(*world.disk, simulated::kDirectory, *world.ring);
    return messages.read(id, state->fix.at(id).progress.last_position, 1, last);
  }
};

struct Waiting {
  Sequence sequence;
  FixSessionId session;
  std::int64_t period;
  std::uint64_t number;
  std::string text;
};

/// Everything of one story: lives on one disk, and the peers.
struct Story {
  simulated::World world{kRing};
  std::vector<Peer> peers = std::vector<Peer>(kSessions + 1);
  Plan plan;
  bool is_disk_level;
  std::uint64_t salt = 0;
  std::vector<Waiting> waiting;  // journaled, not out yet
  Tally& tally;

  Story(Plan with, bool at_disk, Tally& figures)
      : plan(with), is_disk_level(at_disk), tally(figures) {
    world.segment_bytes = journal::kPageBytes + 16'384;
  }

  void judge(Life& life) {
    for (FixSessionId id = 1; id <= kSessions; ++id) {
      Peer& peer = peers[id];
      const FixProgress& now = life.state->fix.at(id).progress;
      if (now.created_ns != peer.period) {  // a reset that was journaled and not told any more
        if (now.created_ns < peer.period) ++tally.lost;
        peer = {.period = now.created_ns, .got = {}, .twice = peer.twice};
        continue;
      }
      if (now.next_incoming < peer.incoming) ++tally.incoming_back;
      std::map<std::uint64_t, std::string> kept;
      for (const auto& each : life.kept(id, 1'000'000)) kept[each.number] = text_of(each);
      for (const auto& [number, text] : peer.got) {
        tally.reused += number >= now.next_outgoing ? 1 : 0;
        tally.lost += kept.count(number) == 0 || kept[number] != text ? 1 : 0;
      }
      for (std::uint64_t number = 1; number < now.next_outgoing; ++number)
        tally.lost += kept.count(number) == 0 ? 1 : 0;  // whatever was given a number is there
      tally.twice += peer.twice;
      peer.twice = 0;
    }
  }

  void send(const Waiting& each) {
    Peer& peer = peers[each.session];
    if (peer.period != each.period) peer = {.period = each.period, .got = {}, .twice = peer.twice};
    peer.receive(each.number, each.text);
    ++tally.sent;
  }
  void send_waiting() {
    const Sequence synced = world.ring->synced_sequence();
    std::size_t done = 0;
    while (done < waiting.size() &&
           (!is_disk_level || plan == Plan::kNotSynced || waiting[done].sequence <= synced)) {
      send(waiting[done++]);
    }
    waiting.erase(waiting.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(done));
  }

  /// One loop turn of the sessions, `steps_left` steps of it; false = it was stopped in between.
  bool turn(Life& life, simulated::Random& random, std::uint64_t& steps_left) {
    const auto stop = [&] { return steps_left == 0 || steps_left-- == 0; };
    Turn turn;
    std::vector<Waiting> out;
    std::vector<std::pair<FixSessionId, std::uint64_t>> taken;
    for (FixSessionId id = 1; id <= kSessions; ++id) {
      FixProgress now = life.state->fix.at(id).progress;
      if (random() % 16 == 0) {
        now = {.created_ns = static_cast<std::int64_t>(++salt + 100)};
        turn.set(id, FixNumbersReason::kReset, 1, 1, now.created_ns);
      }
      for (std::uint64_t count = random() % 3; count > 0; --count) {
        const std::size_t size = random() % 8 == 0 ? 5'000 : 0;
        const auto text = message_text(id, now.next_outgoing, ++salt, size);
        turn.send(id, now.next_outgoing, text);
        out.push_back({0, id, now.created_ns, now.next_outgoing++, text});
      }
      if (random() % 2 == 0) {
        turn.take(id, now.next_incoming + 1);
        taken.emplace_back(id, now.next_incoming + 1);
      }
    }
    if (turn.entries.empty()) return true;
    if (stop()) return false;
    if (plan == Plan::kSentFirst) {
      for (const Waiting& each : out) send(each);
      if (stop()) return false;
    }
    const auto answer = [&] {
      for (const auto& [id, number] : taken) {
        if (peers[id].period == life.state->fix.at(id).progress.created_ns)
          peers[id].incoming = std::max(peers[id].incoming, number);
      }
    };
    if (plan == Plan::kIncomingNotKept) answer();
    if (plan == Plan::kIncomingNotKept && stop()) return false;
    FixFault fault;
    const Sequence sequence = turn.journal(*life.engine, fault);
    if (sequence == 0) return fault.code == Refusal::kJournalBehind;
    if (stop()) return false;
    if (!is_disk_level) answer();
    for (Waiting& each : out) {
      each.sequence = sequence;
      if (plan != Plan::kSentFirst) waiting.push_back(std::move(each));
    }
    if (random() % 2 == 0) (void)life.world.commit->step();
    if (stop()) return false;
    while (!waiting.empty()) {  // one message after the other: a stop between them too
      const std::size_t before = waiting.size();
      send_waiting();
      if (waiting.size() == before) break;
    }
    return !stop();
  }
};

/// Kill -9 after every possible number of steps: the ring survives.
Tally kill_everywhere(Plan plan, std::uint64_t seeds, std::uint64_t steps_max) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Story story(plan, false, tally);
    simulated::Random random(seed);
    for (std::uint64_t steps = 1; steps <= steps_max; ++steps) {
      Life life(story.world);
      ++tally.lives;
      if (!life.start()) {
        ++tally.refused;
        break;
      }
      story.judge(life);
      for (std::uint64_t left = steps; story.turn(life, random, left);) continue;
      story.waiting.clear();  // what was not out is not out
      life.engine.reset();
      story.world.stop();
    }
  }
  return tally;
}

/// The power fails at some disk call: the ring is gone, unsynced sectors may be torn or not.
Tally power_cuts(Plan plan, std::uint64_t seeds) {
  Tally tally;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Story story(plan, true, tally);
    simulated::Random random(seed);
    for (int each = 0; each < 12; ++each) {
      Life life(story.world);
      ++tally.lives;
      if (!life.start()) {
        ++tally.refused;
        break;
      }
      story.judge(life);
      story.world.disk->power_off_after = story.world.disk->calls + random() % 24;
      std::uint64_t left = 1 + random() % 40;
      while (!story.world.disk->is_off() && story.turn(life, random, left)) {
        if (random() % 3 == 0) (void)story.world.commit->step();
      }
      story.waiting.clear();
      life.engine.reset();
      story.world.stop();
      const auto dead = std::move(story.world.disk);
      story.world.disk = dead->crash(random);
      story.world.fresh_ring();
    }
  }
  return tally;
}

void show(const char* what, const Tally& tally) {
  std::printf("%s: lives %llu, sent %llu, failures %llu\n", what,
              static_cast<unsigned long long>(tally.lives),
              static_cast<unsigned long long>(tally.sent),
              static_cast<unsigned long long>(tally.failures()));
}

}  // namespace

TEST(a_kill_between_any_two_steps_loses_and_repeats_nothing) {
  const Tally tally = kill_everywhere(Plan::kRight, 20, 40);
  show("kills", tally);
  CHECK_EQUAL(tally.failures(), 0U);
  CHECK(tally.sent > 2'000);
}

TEST(a_power_cut_at_level_disk_loses_and_repeats_nothing) {
  const Tally tally = power_cuts(Plan::kRight, 60);
  show("power cuts", tally);
  CHECK_EQUAL(tally.failures(), 0U);
  CHECK(tally.sent > 300);
}

TEST(the_wrong_order_of_steps_is_found) {
  CHECK(kill_everywhere(Plan::kSentFirst, 5, 40).failures() != 0);
  CHECK(kill_everywhere(Plan::kIncomingNotKept, 5, 40).failures() != 0);
  CHECK(power_cuts(Plan::kNotSynced, 30).failures() != 0);
}
