// Takes up the receptions of the previous run.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEPTION_RESTORATION_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEPTION_RESTORATION_H_

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/content/source.h"
#include "dataplane/engine/engine.h"
#include "dataplane/receiving/file_mark.h"
#include "server/api/reception_spec.h"
#include "server/receptions/live_receptions.h"
#include "server/receptions/partial_sweeper.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/held_resources.h"
#include "server/store/store.h"
#include "server/watch/reception_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// What becomes of one that was not finished:
//
//   it was about to get its name,    its file is looked for under the name, and
//   and may have it                  read: if it is there, it has SUCCEEDED
//   it comes from another node       it goes on, if its destination can be had
//   otherwise                        INTERRUPTED, as a sender of 2008, or of an
//                                    upload, has its content once; its partial
//                                    file is removed
//
// The first two are settled when the disk has answered, which is asked again
// until it does. What is not settled when the service stops is left to the next
// run as it is.
//
// Used on the one thread of its executor.
class ReceptionRestoration {
 public:
  struct Service {
    dataplane::Engine& engine;
    const ContentRoots& roots;
    ReceptionTable& table;
    WatchHub& hub;
    Store& store;
    LiveReceptions& live;
    HeldResources& held;
    PartialSweeper& sweeper;
  };
  // `on_restored`: of those that are final when they are restored; `on_end`: of
  // others, later. What `service` refers to outlives it.
  ReceptionRestoration(asio::any_io_executor executor, const Service& service,
                       LiveReceptions::OnEnd on_restored,
                       LiveReceptions::OnEnd on_end)
      : executor_(std::move(executor)),
        service_(service),
        on_restored_(std::move(on_restored)),
        on_end_(std::move(on_end)) {}

  // Waits for no disk.
  void Restore(const std::vector<StoredReception>& receptions);

  // Calls `then` when it is known what has become of a reception: it runs, or
  // is final. At once for those that are not of the previous run, and as soon
  // as the disk has not answered in time.
  void WhenSettled(const std::string& name, std::function<void()> then);
  // If it is not settled, it is to come from these nodes when it goes on.
  // Returns whether that is so.
  bool SetNodes(const std::string& name,
                const std::vector<NodePlan::Node>& nodes);
  // Settles nothing any more, and calls what waits for that.
  void Stop();

 private:
  // One that is not settled.
  struct Unfinished {
    v1::Reception reception;  // As the table has it.
    ReceptionPlan plan;
    ReceptionExtra extra;
    // Set where it may have its name, and could not be looked at: what the
    // detail says of that if it does not go on either.
    std::string not_looked_at;
    // Before the disk is asked again, or it is looked again how far it is. Not
    // set once it is settled: a job that hangs on a disk may keep this for
    // longer than there is an executor.
    std::optional<asio::steady_timer> pause;
    std::vector<std::function<void()>> waiting;

    // What waits is called, and waits no more.
    void Answer();
  };

  void Restore(StoredReception stored, PartialSweeper::Everywhere& partials);
  // Whether the disk has not answered: then `ask` is called, later.
  bool AsksAgain(const std::shared_ptr<Unfinished>& unfinished,
                 const absl::Status& status, std::function<void()> ask);
  // What has the name.
  struct Named {
    std::shared_ptr<dataplane::Source> file;
    dataplane::FileStamp stamp;
  };
  // Whether it has its name.
  void LookForName(const std::shared_ptr<Unfinished>& unfinished);
  void OnLooked(const std::shared_ptr<Unfinished>& unfinished,
                const absl::StatusOr<Named>& named);
  // Whether what has the name is still what was received.
  void Check(const std::shared_ptr<Unfinished>& unfinished,
             const std::shared_ptr<const dataplane::BlockDigests>& content,
             const dataplane::FileStamp& stamp,
             std::chrono::steady_clock::time_point began);
  // It has its name, or not: why not.
  void HasNoName(const std::shared_ptr<Unfinished>& unfinished,
                 const absl::Status& reason);
  void Succeed(Unfinished& unfinished, const dataplane::FileStamp& stamp);
  void Resume(const std::shared_ptr<Unfinished>& unfinished);
  void OnOpened(
      const std::shared_ptr<Unfinished>& unfinished,
      const absl::StatusOr<std::shared_ptr<dataplane::Destination>>& opened);
  void Interrupt(Unfinished& unfinished, const std::string& detail);
  // It is final.
  void End(const Unfinished& unfinished);
  void Settle(const std::string& name);

  const asio::any_io_executor executor_;
  const Service service_;
  const LiveReceptions::OnEnd on_restored_;
  const LiveReceptions::OnEnd on_end_;
  std::map<std::string, std::shared_ptr<Unfinished>> unsettled_;
  bool is_stopped_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEPTION_RESTORATION_H_
