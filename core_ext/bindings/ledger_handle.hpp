// A ledger that follows a journal in this process: the files behind it, its books, and its newest
// fills. Reads files only. One thread at a time.
#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "fill_notes.hpp"
#include "gateway_core/journal/reader.hpp"
#include "gateway_core/ledger/disposals.hpp"
#include "gateway_core/platform/storage.hpp"

namespace gateway {

class LedgerHandle {
 public:
  ledger::Ledger books;
  FillNotes fills;

  /// A wish which lot is closed first: closed by, lot, quantity as decimal text.
  using Wish = std::tuple<std::uint64_t, std::uint64_t, std::string>;

  /// ValueError: a wish whose quantity is none.
  [[nodiscard]] static std::unique_ptr<LedgerHandle> open(const std::string& directory,
                                                          const std::string& ring_directory,
                                                          bool keeps_all,
                                                          const std::vector<Wish>& designations);
  LedgerHandle(const std::string& directory, const std::string& ring_directory, bool keeps_all);

  /// Books up to `limit` records, without the interpreter; how many. 0 for `until` = without end.
  /// RuntimeError: the journal cannot be read; where nothing came and `checks_end`, also that
  /// something should have come.
  std::size_t follow(std::size_t limit, Sequence until_sequence, std::int64_t until_time_ns,
                     bool checks_end, bool stops_at_rates);

  /// Books what comes for so long, or up to a record with another rate, without the interpreter;
  /// whether it stands at the end.
  bool run(double seconds, double idle_seconds);

  /// (sequence, monotonic ns) behind each step of run(), since they were last taken.
  [[nodiscard]] nanobind::list take_steps();

  /// Reads on from the files as they are now. False, and nothing is changed: they do not hold the
  /// record that was read last, so what they hold is another history.
  bool reopen();

  /// Nothing was read yet.
  [[nodiscard]] bool is_empty() const noexcept {
    return books.sequence() == 0 && waiting_ == nullptr;
  }

 private:
  std::size_t book(std::size_t limit, Sequence until_sequence, std::int64_t until_time_ns,
                   bool checks_end, bool stops_at_rates);
  const RecordHeader* next();
  void require_end();
  [[nodiscard]] std::string later_segment();
  void note_fill(const RecordHeader& header, const std::uint8_t* record);

  std::string directory_;
  std::string ring_directory_;
  platform::PosixStorage storage_;
  std::unique_ptr<journal::Reader> reader_;
  const RecordHeader* waiting_ = nullptr;  // read, and not yet booked
  std::vector<std::pair<Sequence, std::int64_t>> steps_;
};

}  // namespace gateway
