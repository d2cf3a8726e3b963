// Where a follower of a journal starts: at the newest snapshot that the journal itself confirms.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gateway_core/journal/reader.hpp"
#include "gateway_core/platform/storage.hpp"
#include "gateway_core/state/follower.hpp"

namespace gateway {

struct ReplicaStart {
  std::unique_ptr<journal::Reader> reader;  // stands behind what the follower has applied
  std::string snapshot;                     // path of what the state was opened from, "" = nothing
};

/// `directories` may hold snapshots, the first one wins among equals; `until` 0 = the newest, else
/// none beyond this sequence. Without a usable snapshot the reader stands at the first record.
[[nodiscard]] ReplicaStart start_replica(platform::Storage& storage, Follower& follower,
                                         const std::string& directory,
                                         const std::string& ring_directory,
                                         const std::vector<std::string>& directories,
                                         Sequence until);

}  // namespace gateway
