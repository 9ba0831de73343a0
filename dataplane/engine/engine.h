// The data plane: lanes, and the sessions and receptions on them.
#ifndef TCPTOOL_DATAPLANE_ENGINE_ENGINE_H_
#define TCPTOOL_DATAPLANE_ENGINE_ENGINE_H_

#include <asio/thread_pool.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/lanes/counters.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/receiving/received_file_source.h"
#include "dataplane/receiving/reception.h"
#include "dataplane/receiving/source_manifest.h"
#include "dataplane/session/session.h"

namespace tcptool::dataplane {

struct EngineOptions {
  size_t lanes = 0;  // 0: one for each core.
  // Threads for what may wait for a disk.
  DiskThreads::Limits disk_threads;
  size_t max_recipients_per_session = 10'000;  // Connected at a time.
  SocketApi* sockets = &SocketApi::Real();
  FileApi* files = &FileApi::Real();
};

// Any thread may call any method. Changes the process: ignores SIGPIPE, which
// sendfile(2) raises, and raises the soft limit of file descriptors to the hard
// limit.
class Engine {
 public:
  static constexpr std::chrono::seconds kDiskPatience{5};

  explicit Engine(const EngineOptions& options);
  // Stops all of them, see Stop(). A disk that has not answered within
  // kDiskPatience is waited for no longer: the threads that hang in calls to
  // it, and what these use, are left behind for the rest of the process.
  ~Engine();

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The session listens when this returns. Errors: see Session::Create(). The
  // engine holds a reference to the session until it has ended.
  absl::StatusOr<std::shared_ptr<Session>> CreateSession(
      SessionOptions options, std::shared_ptr<Source> source,
      std::shared_ptr<SessionObserver> observer);

  // The reception begins when this returns. The engine holds a reference to it
  // until it has ended.
  std::shared_ptr<Reception> CreateReception(
      ReceptionOptions options, std::unique_ptr<Upstream> upstream,
      std::shared_ptr<ReceptionObserver> observer);

  // The digests of what this source has: those that it knows, or else those
  // that are computed for this; see SourceManifest. The engine outlives them.
  std::shared_ptr<const BlockDigests> DigestsOf(
      std::shared_ptr<Source> source) {
    auto known = source->block_digests();
    return known != nullptr
               ? std::move(known)
               : SourceManifest::Start(workers_->disk, std::move(source));
  }

  // A file as the source of sessions, which has to be what was received; see
  // ReceivedFileSource. The engine outlives it. Waits for no disk.
  std::shared_ptr<Source> SourceOf(ReceivedFile file, const Digest& root) {
    return std::make_shared<ReceivedFileSource>(workers_->disk, std::move(file),
                                                root);
  }

  // Ends all sessions with SERVICE_STOPPED: their recipients are reset; and all
  // receptions as INTERRUPTED, but for those whose whole content is given its
  // name within Reception::kCommitPatience. Returns when the observers have had
  // their last updates.
  void Stop();

  // Current values, and counters since construction.
  struct Measures {
    struct LaneMeasures {
      absl::Duration processor_time;
      DurationHistogram::Values lag;
    };
    Counters::Values counters;
    std::vector<LaneMeasures> lanes;
    Source::Window window;  // The sum over all streams.
  };
  Measures Measure() const;

  size_t lanes() const { return workers_->lanes.size(); }
  size_t max_recipients_per_session() const {
    return options_.max_recipients_per_session;
  }

 private:
  // What a task of the disk's threads may use.
  struct Workers {
    explicit Workers(const DiskThreads::Limits& limits) : disk(limits) {}

    Counters counters;
    DiskThreads disk;
    // Computes all SHA-256s, in turns, on one core at most. Nothing that waits
    // for a disk is run on it.
    asio::thread_pool hashes{1};
    std::vector<std::unique_ptr<Lane>> lanes;
  };

  // Joins the disk's threads. False: some of them hang.
  bool JoinDisk();
  // Blocks until every lane has run what was posted to it.
  void Flush();

  const EngineOptions options_;
  std::unique_ptr<Workers> workers_;

  mutable absl::Mutex mutex_;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Session>> sessions_
      ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<Reception>> receptions_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_ENGINE_ENGINE_H_
