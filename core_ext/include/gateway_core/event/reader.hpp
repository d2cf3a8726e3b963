// Reads events by a table: one pass over the bytes, then the fact they say. What is missing, of
// another kind, unknown or unusual in any way is a Fault by name and no fact: the ordinary way
// reads the event then. One thread; no allocation.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "gateway_core/event/fact.hpp"
#include "gateway_core/event/fault.hpp"
#include "gateway_core/event/scan.hpp"
#include "gateway_core/event/shape.hpp"
#include "gateway_core/event/table.hpp"

namespace gateway::event {

class Reader {
 public:
  static constexpr std::size_t kShapes = 4;

  explicit Reader(Table table) noexcept : table_(std::move(table)) {}

  /// The fact of an event, and 1 + the place of its outcome in the table. Both are meaningless
  /// after any fault.
  [[nodiscard]] Fault read(std::string_view bytes, Fact& fact, std::uint8_t& outcome) noexcept;

  [[nodiscard]] const Table& table() const noexcept { return table_; }

 private:
  struct Value {
    std::string_view text;  // of a word its meaning
    std::int64_t time_ns = 0;
    std::uint8_t code = 0;
    bool is_told = false;
  };
  /// What the places said, by their roles.
  struct Said {
    std::array<Value, kRoles> values{};

    [[nodiscard]] const Value& at(Role role) const noexcept {
      return values[static_cast<std::size_t>(role)];
    }
    [[nodiscard]] std::string_view text(Role role) const noexcept { return at(role).text; }
    [[nodiscard]] std::uint8_t code(Role role) const noexcept { return at(role).code; }
    [[nodiscard]] bool is_told(Role role) const noexcept { return at(role).is_told; }
    /// A venue has one time for both, or two. False = it did not say.
    [[nodiscard]] bool take_time(Role role, std::int64_t& time_ns) const noexcept {
      const Value& value = at(is_told(Role::kTime) ? Role::kTime : role);
      time_ns = value.time_ns;
      return !value.text.empty();
    }
  };

  /// Both ways through the names of an event: as a shape says, or by reading and comparing them.
  struct Familiar;
  struct Strange;

  [[nodiscard]] Fault scan(std::string_view bytes) noexcept;
  void remember() noexcept;
  template <typename Way>
  [[nodiscard]] Fault document(Way& way, std::string_view bytes) noexcept;
  template <typename Way>
  [[nodiscard]] Fault value(Way& way, Cursor& cursor, const Branch* branch, int depth) noexcept;
  template <typename Way>
  [[nodiscard]] Fault object(Way& way, Cursor& cursor, const Node* node, int depth) noexcept;
  template <typename Way>
  [[nodiscard]] Fault list(Way& way, Cursor& cursor, const Node* node, int depth) noexcept;
  [[nodiscard]] Fault judge(Said& said) const noexcept;
  [[nodiscard]] static Fault check(const Place& place, const Token& token, Value& value) noexcept;
  [[nodiscard]] static Fault check_time(std::string_view text, Value& value) noexcept;
  [[nodiscard]] Fault finish(Fact& fact, const Said& said, std::uint8_t& outcome) const noexcept;
  [[nodiscard]] Fault finish_change(Fact& fact, const Said& said,
                                    const Outcome& outcome) const noexcept;
  [[nodiscard]] Fault finish_fill(Fact& fact, const Said& said) const noexcept;

  Table table_;
  NameSet names_;
  std::array<Shape, kShapes> shapes_{};
  Shape seen_{};              // of the event at hand, when it is none of them
  std::size_t familiar_ = 0;  // the shape of the last event
  std::size_t oldest_ = 0;    // where the next one is remembered
  std::array<Token, kPlacesMax> tokens_{};
};

}  // namespace gateway::event
