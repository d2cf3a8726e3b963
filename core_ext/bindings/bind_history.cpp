// Rows of history for Python: follows a journal and gives columns as numpy arrays that own their
// memory. Files only; the one thing it writes is a snapshot into a directory it is told.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "decode.hpp"
#include "gateway_core/journal/snapshot.hpp"
#include "gateway_core/platform/storage.hpp"
#include "gateway_core/history/writer.hpp"
#include "replica_start.hpp"
#include "row_words.hpp"
#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace gateway {
namespace {

using history::Texts;

constexpr std::size_t kReservedMax = 1 << 18;  // rows; more of them grow

/// Gives the memory of a column to numpy.
template <typename T>
nb::object array_of(std::vector<T>&& column) {
  auto* kept = new std::vector<T>(std::move(column));
  nb::capsule owner(kept, [](void* held) noexcept { delete static_cast<std::vector<T>*>(held); });
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

template <typename T>
nb::object column_of(std::vector<T>& column) {
  return array_of(std::move(column));
}
/// 16 bytes a number, low word first.
nb::object column_of(std::vector<Int128>& column) {
  auto* kept = new std::vector<Int128>(std::move(column));
  nb::capsule owner(kept,
                    [](void* held) noexcept { delete static_cast<std::vector<Int128>*>(held); });
  return nb::cast(nb::ndarray<nb::numpy, std::int64_t, nb::ndim<2>>(
      kept->data(), {kept->size(), std::size_t{2}}, owner));
}
/// (ends, bytes)
nb::object column_of(Texts& column) {
  return nb::make_tuple(array_of(std::move(column.ends)), array_of(std::move(column.bytes)));
}

#define COLUMN(type, name) columns[#name] = column_of(table.name);
nb::dict take(history::OrderColumns& table) {
  nb::dict columns;
#include "gateway_core/history/orders.def"
  return columns;
}
nb::dict take(history::FillColumns& table) {
  nb::dict columns;
#include "gateway_core/history/fills.def"
  return columns;
}
nb::dict take(history::PositionColumns& table) {
  nb::dict columns;
#include "gateway_core/history/positions.def"
  return columns;
}
nb::dict take(history::BalanceColumns& table) {
  nb::dict columns;
#include "gateway_core/history/balances.def"
  return columns;
}
nb::dict take(history::FundingColumns& table) {
  nb::dict columns;
#include "gateway_core/history/funding.def"
  return columns;
}
nb::dict take(history::RefusalColumns& table) {
  nb::dict columns;
#include "gateway_core/history/refusals.def"
  return columns;
}
#undef COLUMN

class Extractor {
 public:
  Extractor(const std::string& directory, const std::string& ring_directory,
            const std::vector<std::string>& snapshot_directories, Sequence until) {
    ReplicaStart start =
        start_replica(storage_, follower_, directory, ring_directory, snapshot_directories, until);
    reader_ = std::move(start.reader);
  }

  [[nodiscard]] Sequence sequence() const { return follower_.sequence(); }
  [[nodiscard]] std::int64_t time_ns() const {
    return follower_.state() == nullptr ? 0 : follower_.state()->last_time_ns;
  }

  /// Applies records up to `until` without making rows; how many.
  std::size_t skip(Sequence until, std::size_t limit) {
    const nb::gil_scoped_release release;
    std::size_t done = 0;
    for (; done < limit && follower_.sequence() < until; ++done) {
      if (next() == nullptr) break;
    }
    check(done);
    return done;
  }

  /// Rows of the records up to `until`, until a table holds `rows_max` of them.
  nb::dict extract(Sequence until, std::size_t rows_max) {
    history::Writer out;
    std::size_t done = 0;
    {
      const nb::gil_scoped_release release;
      out.reserve_orders(std::min(rows_max, kReservedMax));
      if (follower_.state() != nullptr) out.begin(*follower_.state());
      while (follower_.sequence() < until && out.rows() < rows_max) {
        const RecordHeader* header = next();
        if (header == nullptr) break;
        out.write(*follower_.state(), *header, reinterpret_cast<const std::uint8_t*>(header));
        ++done;
      }
      check(done);
    }
    nb::dict tables;
    tables["orders"] = take(out.orders);
    tables["fills"] = take(out.fills);
    tables["positions"] = take(out.positions);
    tables["balances"] = take(out.balances);
    tables["funding"] = take(out.funding);
    tables["refusals"] = take(out.refusals);
    nb::list others;
    for (const auto& record : out.others) {
      others.append(
          decode_record(nb::bytes(reinterpret_cast<const char*>(record.data()), record.size())));
    }
    tables["others"] = others;
    tables["records"] = done;
    return tables;
  }

  /// Names by id, place 0 for what has none; and the venue and settlement currency of instruments.
  [[nodiscard]] nb::dict names() const {
    nb::dict out;
    if (follower_.state() == nullptr) return out;
    const Registry& registry = follower_.state()->registry;
    const auto list = [](std::uint32_t count, const auto& name) {
      nb::list names;
      for (std::uint32_t id = 0; id <= count; ++id) names.append(text(name(id)));
      return names;
    };
    out["currency"] = list(registry.currencies.count(), [&](std::uint32_t id) {
      return registry.currencies.at(id).definition.code.view();
    });
    out["venue"] = list(registry.venues.count(), [&](std::uint32_t id) {
      return registry.venues.at(id).definition.name.view();
    });
    out["instrument"] = list(registry.instruments.count(), [&](std::uint32_t id) {
      return registry.instruments.at(id).definition.symbol.view();
    });
    out["account"] = list(registry.accounts.count(), [&](std::uint32_t id) {
      return registry.accounts.at(id).definition.name.view();
    });
    out["strategy"] = list(registry.strategies.count(), [&](std::uint32_t id) {
      return id == kExternalStrategy ? std::string_view("EXTERNAL")
                                     : registry.strategies.at(id).definition.name.view();
    });
    out["principal"] = list(registry.principals.count(), [&](std::uint32_t id) {
      return registry.principals.at(id).definition.name.view();
    });
    std::vector<std::uint32_t> venues;
    std::vector<std::uint32_t> settles;
    for (std::uint32_t id = 0; id <= registry.instruments.count(); ++id) {
      venues.push_back(registry.instruments.at(id).definition.venue);
      settles.push_back(registry.instruments.at(id).definition.settle);
    }
    out["venue_of_instrument"] = array_of(std::move(venues));
    out["settle_of_instrument"] = array_of(std::move(settles));
    return out;
  }

  [[nodiscard]] std::string state_hash() const {
    if (follower_.state() == nullptr) throw std::runtime_error("journal: no record read yet");
    const nb::gil_scoped_release release;
    return follower_.state()->hash();
  }

  /// Writes the state into `directory` and keeps the newest `keep` there; the path.
  std::string write_snapshot(const std::string& directory, std::size_t keep) {
    if (follower_.state() == nullptr || instance_ == 0) {
      throw std::runtime_error("journal: nothing to write yet");
    }
    const nb::gil_scoped_release release;
    std::vector<std::uint8_t> payload;
    follower_.state()->serialize(payload);
    const auto written =
        journal::write_snapshot(storage_, directory, instance_, reader_->point(), payload);
    if (written.error != 0) {
      throw std::runtime_error("snapshot: errno " + std::to_string(-written.error));
    }
    (void)journal::recycle_snapshots(storage_, directory, keep);
    return directory + "/" + written.name;
  }

 private:
  const RecordHeader* next() {
    const RecordHeader* header = reader_->next();
    if (header == nullptr) return nullptr;
    if (!follower_.apply(*header, reinterpret_cast<const std::uint8_t*>(header))) {
      throw std::runtime_error("journal: " + follower_.error());
    }
    instance_ = header->instance;
    return header;
  }
  void check(std::size_t done) const {
    if (done == 0 && reader_->state() != journal::ReaderState::kFollowing) {
      throw std::runtime_error("journal: " + reader_->error());
    }
  }

  platform::PosixStorage storage_;
  Follower follower_;
  std::unique_ptr<journal::Reader> reader_;
  std::uint32_t instance_ = 0;  // of the newest record followed
};

}  // namespace

void bind_history(nb::module_& module) {
  nb::class_<Extractor>(module, "Extractor")
      .def(nb::init<const std::string&, const std::string&, const std::vector<std::string>&,
                    Sequence>(),
           "directory"_a, "ring_directory"_a = "",
           "snapshot_directories"_a = std::vector<std::string>(), "until"_a = 0)
      .def_prop_ro("sequence", &Extractor::sequence)
      .def_prop_ro("time_ns", &Extractor::time_ns)
      .def("skip", &Extractor::skip, "until"_a, "limit"_a = 1'000'000)
      .def("extract", &Extractor::extract, "until"_a, "rows_max"_a = 250'000)
      .def("names", &Extractor::names)
      .def("state_hash", &Extractor::state_hash)
      .def("write_snapshot", &Extractor::write_snapshot, "directory"_a, "keep"_a = 3);
}

}  // namespace gateway
