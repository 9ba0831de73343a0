// Finds the contents that other nodes ask for.
#ifndef TCPTOOL_SERVER_PEERS_PEER_CONTENTS_H_
#define TCPTOOL_SERVER_PEERS_PEER_CONTENTS_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/engine/engine.h"
#include "server/peers/distributed_contents.h"
#include "server/peers/peer_content.h"
#include "server/peers/reserved_files.h"
#include "server/receptions/reception_manager.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/session_manager.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// Keeps each while it is followed, and for a while after that. Any thread may
// call any method.
class PeerContents : public std::enable_shared_from_this<PeerContents> {
 public:
  using Clock = std::chrono::steady_clock;
  using Found = absl::StatusOr<std::shared_ptr<PeerContent>>;
  using Done = std::function<void(Found)>;

  // For how long one that nobody follows is kept: who was lost comes again.
  static constexpr Clock::duration kKept = std::chrono::seconds(60);
  // How many of these are kept, as each has an open file: at most so many, and
  // a sixteenth of the descriptors that recipients leave, half of what all of
  // them may have (ReservedFiles). The least recently used go. Those of
  // sessions, whose file is open anyway, do not count.
  static constexpr size_t kMostUnused = 64;
  static size_t MostUnused();

  // What it finds them in. All outlive the managers' control threads.
  struct Service {
    dataplane::Engine& engine;
    SessionManager& sessions;
    const SessionTable& session_table;
    ReceptionManager& receptions;
    const ReceptionTable& reception_table;
    const ContentRoots& writable_roots;
    const ContentRoots& roots;  // Of files that distributions are made from.
    DistributedContents* distributions = nullptr;  // Null: in no fleet.
  };
  explicit PeerContents(
      const Service& service, size_t most_unused = MostUnused(),
      const ReservedFiles::Limits& files = ReservedFiles::Limits::Now())
      : service_(service), most_unused_(most_unused), files_(files) {}

  // "sessions/{session}", "receptions/{reception}" or, of a node in a fleet,
  // "distributions/{distribution}". Calls `done` once, on any thread; it must
  // not block. Errors as those of PeerService.Follow.
  void Find(const std::string& name, const Done& done);

  // How fast this node may send the content of this name to others.
  DistributedContents::Limits LimitsOf(const std::string& name) const;

  // Lets go of what was in this place, which is none of the distribution's any
  // more: neither is its file kept open for those who may come again, nor found
  // in another one's place. Those who follow it go on.
  void Forget(const std::string& distribution,
              const DistributedContents::Place& place);

  // Lets go of all, and finds none from now on. Before the engine stops, which
  // would wait for what is begun after that.
  void Stop();

  // Lets go of those that nobody has followed for a while, and of those that
  // are too many. To be called now and then.
  void Purge(Clock::time_point now);

 private:
  using Gone = std::vector<std::shared_ptr<PeerContent>>;
  struct Kept {
    bool is_used() const { return content.use_count() > 1 || content->keep(); }

    std::shared_ptr<PeerContent> content;
    Clock::time_point last_use;
  };

  void OnSession(const std::string& name,
                 const std::shared_ptr<dataplane::Session>& session,
                 const Done& done);
  // Null: it is not in the data plane.
  void OnReception(const std::string& name,
                   const std::shared_ptr<dataplane::Reception>& reception,
                   const Done& done);
  void FindDistribution(const std::string& name, const Done& done);
  void OpenFile(const v1::Reception& reception, const Done& done);
  // What is under the name already, if it is good, or `content`.
  Found Keep(const std::string& name, Found content);
  std::shared_ptr<PeerContent> FindKept(const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The content under this name cannot be given to others.
  void NoteLost(const std::string& name, const absl::Status& why);

  // Moves those that nobody follows, and that are too many, to `gone`, which is
  // to be destroyed without the lock.
  void DropSurplus(Gone& gone) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Service service_;
  const size_t most_unused_;
  const ReservedFiles files_;
  absl::Mutex mutex_;
  bool is_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, Kept> contents_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PEER_CONTENTS_H_
