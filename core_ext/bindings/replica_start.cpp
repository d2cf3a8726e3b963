// Takes a snapshot only if the journal holds the very record it was taken behind: one that was
// ahead of the disk when the ring was lost belongs to a history that never came to be.
#include "replica_start.hpp"

#include <algorithm>
#include <utility>

#include "gateway_core/journal/segment.hpp"
#include "gateway_core/journal/snapshot.hpp"

namespace gateway {
namespace {

struct Candidate {
  Sequence sequence;
  const std::string* directory;
};

std::vector<Candidate> candidates_in(platform::Storage& storage,
                                     const std::vector<std::string>& directories, Sequence until) {
  std::vector<Candidate> found;
  for (const std::string& directory : directories) {
    journal::DirectoryListing listing;
    if (journal::list_directory(storage, directory, listing) != 0) continue;
    for (const Sequence sequence : listing.snapshots) {
      if (until == 0 || sequence <= until) found.push_back({sequence, &directory});
    }
  }
  std::ranges::stable_sort(found, [](const Candidate& one, const Candidate& other) {
    return one.sequence > other.sequence;
  });
  return found;
}

}  // namespace

ReplicaStart start_replica(platform::Storage& storage, Follower& follower,
                           const std::string& directory, const std::string& ring_directory,
                           const std::vector<std::string>& directories, Sequence until) {
  for (const auto& [sequence, place] : candidates_in(storage, directories, until)) {
    journal::Snapshot snapshot;
    std::string error;
    if (!journal::load_snapshot(storage, *place, sequence, 0, snapshot, error)) continue;
    auto reader = std::make_unique<journal::Reader>(storage, directory, ring_directory, sequence);
    if (reader->next() == nullptr || reader->point() != snapshot.at) continue;
    if (!follower.snapshot(snapshot.at, snapshot.payload.data(), snapshot.payload.size())) continue;
    return {std::move(reader), *place + "/" + snapshot.name};
  }
  return {std::make_unique<journal::Reader>(storage, directory, ring_directory, 1), ""};
}

}  // namespace gateway
