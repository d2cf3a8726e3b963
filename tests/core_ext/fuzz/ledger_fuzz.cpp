// Records that no engine would write: behind each of them every currency of the ledger is zero, and
// books that are not stopped agree under all methods.
// Input: steps of 24 bytes {u8 kind, u8 account, u8 instrument, u8 leg, u8 side, u8 how, u16
// ordinal, i64 quantity, i64 amount}; `how` says what is lied about.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "ledger/paper_journal.hpp"

using namespace gateway;
using namespace gateway::ledger;

namespace {

struct Step {
  std::uint8_t kind, account, instrument, leg, side, how;
  std::uint16_t ordinal;
  std::int64_t quantity;
  std::int64_t amount;
};
static_assert(sizeof(Step) == 24);

constexpr RecordKind kKinds[] = {RecordKind::kOrderFilled,       RecordKind::kOrderFilled,
                                 RecordKind::kFillCorrected,     RecordKind::kFunding,
                                 RecordKind::kBalanceChanged,    RecordKind::kPositionAdopted,
                                 RecordKind::kOrderNew,          RecordKind::kOrderReplaced,
                                 RecordKind::kInstrumentDefined, RecordKind::kAccountDefined};

/// Up to the ends of what a record can hold.
Int128 wide(const Step& step) {
  return static_cast<Int128>(static_cast<UInt128>(Int128{step.amount}) << 64);
}

Int128 amount_of(const Step& step) {
  const Int128 amount = step.amount;
  if ((step.how & 0x40) == 0) return amount;
  return (step.how & 0x08) != 0 ? wide(step) : amount * (static_cast<Int128>(1) << 63);
}

/// A fill whose image is right unless `how` lies about it.
void fill(check::PaperJournal& journal, const Step& step) {
  OrderFilled out{};
  out.order_id = step.ordinal % 4 == 0 ? step.ordinal : 0;
  out.account = step.account;
  out.instrument = step.instrument;
  out.leg = step.leg;
  out.side = static_cast<Side>(step.side);
  out.quantity = step.quantity;
  out.value.e18 = amount_of(step);
  out.fee.e18 = (step.how & 0x04) != 0 ? wide(step) : Int128{step.amount / 7};
  out.fee_currency = step.how % 5;
  out.booked_before = (step.how & 0x20) != 0 ? step.ordinal : 0;
  const std::uint8_t mode = check::PaperJournal::is_spot(1 + step.instrument % 5) ? 0 : 1;
  const Book* book = journal.books.find({step.account, step.instrument, 0, step.leg, mode});
  if (book != nullptr && (step.how & 0x10) == 0) {
    PositionBook image = book->lots.now().average;
    FillEffect effect;
    Execution execution{};
    execution.value_e18 = out.value.e18;
    execution.quantity = out.quantity;
    execution.side = out.side;
    (void)apply_to_average(image, book->lots.terms(), execution, effect);
    out.position_quantity = image.quantity;
    out.position_cost.e18 = image.cost_e18;
    out.position_realised.e18 = image.realised_e18;
  }
  journal.write(RecordKind::kOrderFilled, out);
}

template <typename Payload>
void raw(check::PaperJournal& journal, RecordKind kind, const Step& step) {
  Payload payload{};
  std::memcpy(reinterpret_cast<std::uint8_t*>(&payload), &step,
              std::min(sizeof payload, sizeof step));
  journal.write(kind, payload);
}

void take(check::PaperJournal& journal, const Step& step) {
  const RecordKind kind = kKinds[step.kind % std::size(kKinds)];
  if ((step.how & 0x80) != 0) return raw<OrderFact>(journal, kind, step);
  switch (kind) {
    case RecordKind::kOrderFilled:
      return fill(journal, step);
    case RecordKind::kFillCorrected: {
      FillRevised revised{};
      revised.account = step.account;
      revised.instrument = step.instrument;
      revised.quantity = step.quantity;
      revised.value.e18 = amount_of(step);
      revised.fill_ordinal = step.ordinal;
      revised.fee_currency = step.how % 5;
      if ((step.how & 0x04) != 0) revised.fee.e18 = wide(step);
      return journal.write(kind, revised);
    }
    case RecordKind::kFunding: {
      Funding funding{};
      funding.account = step.account;
      funding.instrument = step.instrument;
      funding.leg = step.leg;
      funding.currency = step.side;
      funding.amount.e18 = amount_of(step);
      return journal.write(kind, funding);
    }
    case RecordKind::kBalanceChanged: {
      BalanceChanged change{};
      change.account = step.account;
      change.currency = step.side;
      change.reason = step.how % 9;
      change.amount.e18 = amount_of(step);
      return journal.write(kind, change);
    }
    case RecordKind::kPositionAdopted:
      return raw<PositionAdopted>(journal, kind, step);
    case RecordKind::kOrderNew:
      return raw<OrderNew>(journal, kind, step);
    case RecordKind::kInstrumentDefined:
      return raw<InstrumentDefined>(journal, kind, step);
    default:
      return raw<AccountDefined>(journal, kind, step);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t bytes) {
  check::PaperJournal journal({.keeps_all = true, .orders_max = 16});
  for (std::size_t at = 0; at + sizeof(Step) <= bytes; at += sizeof(Step)) {
    Step step;
    std::memcpy(&step, data + at, sizeof step);
    // Mostly what is defined; a byte above 200 stays what it is.
    if (step.account <= 200) step.account = step.account % 3;
    if (step.instrument <= 200) step.instrument = step.instrument % 7;
    if (step.side <= 200) step.side = 1 + step.side % 3;
    step.leg %= 3;
    take(journal, step);
    for (CurrencyId currency = 0; currency < 5; ++currency) {
      if (journal.books.accounts().total_e18(currency) != 0) std::abort();
    }
  }
  if (!journal.books.accounts().is_balanced()) std::abort();
  for (const auto& book : journal.books.books()) {
    if (!book->is_stopped && !book->lots.now().is_identical()) std::abort();
  }
  return 0;
}
