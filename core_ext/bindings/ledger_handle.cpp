// Following of a journal by a ledger: what is booked, where it stops, when an end is none.
#include "ledger_handle.hpp"

#include <algorithm>
#include <ctime>
#include <stdexcept>

#include "gateway_core/journal/segment.hpp"
#include "gateway_core/platform/clock.hpp"
#include "gateway_core/state/state.hpp"
#include "gateway_core/types/decimal_text.hpp"

namespace nb = nanobind;

namespace gateway {
namespace {

constexpr std::size_t kRecordsPerStep = 4096;
constexpr std::size_t kStepsMax = 8192;
constexpr double kRunSecondsMax = 1.0;  // who waits for the end of a run waits no longer

}  // namespace

std::unique_ptr<LedgerHandle> LedgerHandle::open(const std::string& directory,
                                                 const std::string& ring_directory, bool keeps_all,
                                                 const std::vector<Wish>& designations) {
  auto handle = std::make_unique<LedgerHandle>(directory, ring_directory, keeps_all);
  std::vector<ledger::Designation> wishes;
  for (const auto& [closed_by, lot, quantity] : designations) {
    const ParsedDecimal parsed = parse_decimal(quantity, kMoneyScale);
    if (parsed.fault != DecimalFault::kNone || parsed.mantissa <= 0) {
      throw nb::value_error("designation: a quantity above zero is needed, as decimal text");
    }
    wishes.push_back({closed_by, lot, parsed.mantissa});
  }
  handle->books.designate(std::move(wishes));
  return handle;
}

LedgerHandle::LedgerHandle(const std::string& directory, const std::string& ring_directory,
                           bool keeps_all)
    : books({.keeps_all = keeps_all}),
      directory_(directory),
      ring_directory_(ring_directory),
      reader_(std::make_unique<journal::Reader>(storage_, directory, ring_directory, 1)) {}

std::size_t LedgerHandle::follow(std::size_t limit, Sequence until_sequence,
                                 std::int64_t until_time_ns, bool checks_end, bool stops_at_rates) {
  const nb::gil_scoped_release release;
  return book(limit, until_sequence, until_time_ns, checks_end, stops_at_rates);
}

bool LedgerHandle::run(double seconds, double idle_seconds) {
  const nb::gil_scoped_release release;
  const auto in_ns = [](double given) { return static_cast<std::int64_t>(given * 1e9); };
  const std::int64_t end_ns = monotonic_ns() + in_ns(std::clamp(seconds, 0.0, kRunSecondsMax));
  const timespec idle{0, std::clamp<std::int64_t>(in_ns(idle_seconds), 1, 999'999'999)};
  const std::uint64_t rate_changes = books.rate_changes();
  for (bool checks_end = true;;) {
    const std::size_t done = book(kRecordsPerStep, 0, 0, checks_end, true);
    checks_end = checks_end && done != 0;  // once, where nothing more came
    const std::int64_t now_ns = monotonic_ns();
    if (done != 0) {
      if (steps_.size() == kStepsMax) steps_.clear();
      steps_.emplace_back(books.sequence(), now_ns);
    }
    if (now_ns >= end_ns || books.rate_changes() != rate_changes) return next() == nullptr;
    if (done == 0) nanosleep(&idle, nullptr);
  }
}

nb::list LedgerHandle::take_steps() {
  nb::list out;
  for (const auto& [sequence, at_ns] : steps_) out.append(nb::make_tuple(sequence, at_ns));
  steps_.clear();
  return out;
}

bool LedgerHandle::reopen() {
  const nb::gil_scoped_release release;
  const Sequence at = reader_->sequence();
  auto reader = std::make_unique<journal::Reader>(storage_, directory_, ring_directory_,
                                                  std::max<Sequence>(at, 1));
  if (at != 0) {
    const RecordHeader* last = reader->next();
    if (last == nullptr || reader->point() != reader_->point()) return false;
    if (waiting_ != nullptr) waiting_ = last;
  }
  reader_ = std::move(reader);
  return true;
}

std::size_t LedgerHandle::book(std::size_t limit, Sequence until_sequence,
                               std::int64_t until_time_ns, bool checks_end, bool stops_at_rates) {
  const std::uint64_t rate_changes = books.rate_changes();
  std::size_t done = 0;
  for (; done < limit; ++done) {
    if (stops_at_rates && books.rate_changes() != rate_changes) return done;
    const RecordHeader* header = next();
    if (header == nullptr) break;
    if ((until_sequence != 0 && header->sequence > until_sequence) ||
        (until_time_ns != 0 && header->time_ns > until_time_ns)) {
      return done;
    }
    books.apply(*header, reinterpret_cast<const std::uint8_t*>(header));
    note_fill(*header, reinterpret_cast<const std::uint8_t*>(header));
    waiting_ = nullptr;
  }
  if (waiting_ == nullptr && reader_->state() != journal::ReaderState::kFollowing) {
    throw std::runtime_error("journal: " + reader_->error());
  }
  if (done == 0 && checks_end) require_end();
  return done;
}

/// The record to be booked next; nullptr = none has come.
const RecordHeader* LedgerHandle::next() {
  if (waiting_ == nullptr) waiting_ = reader_->next();
  return waiting_;
}

/// Nothing could be read. Throws when there should have been something.
void LedgerHandle::require_end() {
  if (waiting_ != nullptr) return;
  const std::string later = later_segment();
  if (!later.empty()) waiting_ = reader_->next();  // or it was written just now
  if (reader_->state() != journal::ReaderState::kFollowing) {
    throw std::runtime_error("journal: " + reader_->error());
  }
  if (!later.empty() && waiting_ == nullptr) {
    throw std::runtime_error("journal: what follows sequence " + std::to_string(books.sequence()) +
                             " cannot be read, and " + later + " begins behind it");
  }
}

/// Whether a segment begins behind the record after the last one that could be read: then a header
/// between them does not check, and no reader can tell that from a journal that simply ends. From
/// the newest on, so that a long journal costs no more than a short one.
std::string LedgerHandle::later_segment() {
  journal::DirectoryListing listing;
  if (journal::list_directory(storage_, directory_, listing) != 0) return {};
  std::string found;
  for (auto index = listing.segments.rbegin(); index != listing.segments.rend(); ++index) {
    journal::SegmentHeader header{};
    const std::string segment = journal::segment_name(*index);
    const int file = storage_.open(directory_ + "/" + segment, platform::OpenMode::kRead);
    if (file < 0) continue;
    const auto got = platform::read_fully(storage_, file, &header, sizeof header, 0);
    storage_.close(file);
    if (got != sizeof header ||
        journal::check_segment_header(header, *index, 0) != journal::HeaderCheck::kGood) {
      continue;
    }
    if (header.first_sequence <= books.sequence() + 1) break;
    found = segment;
  }
  return found;
}

/// Behind apply: what it booked last is this record, or nothing.
void LedgerHandle::note_fill(const RecordHeader& header, const std::uint8_t* record) {
  const ledger::Booked& booked = books.booked();
  switch (static_cast<RecordKind>(header.type)) {
    case RecordKind::kOrderFilled: {
      if (header.length < sizeof header + sizeof(OrderFilled)) return;
      FillNote& note = fills.add(header, payload<OrderFilled>(record));
      if (booked.book == nullptr) return;
      note.strategy = booked.book->key.strategy;
      note.booked = {booked.realised_e18, booked.slippage_e18, booked.arrival_price};
      return;
    }
    case RecordKind::kFillBusted:
    case RecordKind::kFillCorrected: {
      if (header.length < sizeof header + sizeof(FillRevised)) return;
      FillNote* note = fills.revise(payload<FillRevised>(record));
      if (note == nullptr || !note->booked) return;
      if (booked.book == nullptr) return note->booked.reset();
      note->booked->realised_e18 += booked.realised_e18;
      note->booked->slippage_e18 += booked.slippage_e18;
      return;
    }
    default:
      return;
  }
}

}  // namespace gateway
