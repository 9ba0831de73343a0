// What can be done with receptions: the commands of the control API, behind the
// gRPC service.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEPTION_MANAGER_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEPTION_MANAGER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/engine/engine.h"
#include "server/api/reception_spec.h"
#include "server/base/control_thread.h"
#include "server/base/repeating_timer.h"
#include "server/receptions/live_receptions.h"
#include "server/receptions/partial_sweeper.h"
#include "server/receptions/reception_creation.h"
#include "server/receptions/reception_restoration.h"
#include "server/receptions/reception_uploads.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/held_resources.h"
#include "server/sessions/received_content.h"
#include "server/sessions/request_ids.h"
#include "server/store/store.h"
#include "server/watch/reception_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/reception_service.pb.h"

namespace tcptool::server {

// Any thread may call any method. Commands run one at a time on the manager's
// control thread, where their callbacks are called too: these must not block.
class ReceptionManager : public ReceivedContent {
 public:
  struct Options {
    size_t max_receptions = 10'000;  // Held, the finished ones included.
    // Not finished; each may have RecentBlocks::kBlocks MiB in memory.
    size_t max_running = 64;
    // For receptions from other nodes.
    LiveReceptions::NewNodeUpstream new_node_upstream;
  };
  using ReceptionDone = ReceptionCreation::Done;
  using Done = LiveReceptions::Done;

  // All of them outlive the manager. `roots`: those that are received into.
  ReceptionManager(Options options, dataplane::Engine& engine,
                   const ContentRoots& roots, ReceptionTable& table,
                   WatchHub& hub, Store& store);
  // Stops, see Stop().
  ~ReceptionManager() override;

  const Options& options() const { return options_; }

  // Restores the receptions of the previous run: see ReceptionRestoration. Call
  // it once, before anything else.
  void Restore(const Store::Contents& contents);

  // See the methods of ReceptionService. Requests must have passed
  // CheckRequest(). What is answered is durable.
  // `creator`: Reception.creator.
  void Create(v1::CreateReceptionRequest request, std::string creator,
              ReceptionDone done);
  void Cancel(v1::CancelReceptionRequest request, ReceptionDone done);
  void Delete(v1::DeleteReceptionRequest request, Done done);

  // See ReceivedContent.
  void Open(const std::string& reception, bool with_sha256,
            Opened done) override;
  void AnswerPending() override;

  // The reception with this name, if it is in the data plane; null otherwise.
  void Find(
      std::string name,
      std::function<void(const std::shared_ptr<dataplane::Reception>&)> done);

  // Has a reception that receives from other nodes do so from these, the
  // preferred one first, until the service starts again. No effect on others.
  void SetNodes(std::string name, std::vector<NodePlan::Node> nodes);

  // What receptions come from whose source is an upload. Lives as long as this.
  ReceptionUploads& uploads() { return uploads_; }

  // From now on new receptions are refused with UNAVAILABLE. Those that have
  // received nothing yet are INTERRUPTED; those that run go on.
  void Drain();
  // Waits until no reception runs, at most for `timeout`. True: none does.
  bool WaitUntilIdle(absl::Duration timeout) {
    return live_.WaitUntilIdle(timeout);
  }
  // Drains, ends the receptions that run, and returns when the table shows it.
  void Stop();

 private:
  // The reception that a command is for. NOT_FOUND; ABORTED: `etag`, if given,
  // does not match.
  absl::StatusOr<v1::Reception> GetForCommand(const std::string& name,
                                              const std::string& etag) const;
  void OpenNow(const std::string& name, bool with_sha256, Opened done);
  void DeleteNow(const v1::DeleteReceptionRequest& request, const Done& done);
  void OnEnd(const v1::Reception& reception);
  void AddFinished(const v1::Reception& reception);
  void OnTick();
  void OnProgress();

  const Options options_;
  dataplane::Engine& engine_;
  const ContentRoots& roots_;
  ReceptionTable& table_;
  WatchHub& hub_;
  Store& store_;

  ReceptionUploads uploads_;

  // Everything below is used on its one thread.
  ControlThread control_;
  LiveReceptions live_;
  RequestIds request_ids_;
  HeldResources held_;
  ReceptionCreation creation_;
  PartialSweeper sweeper_;
  ReceptionRestoration restoration_;
  RepeatingTimer tick_;
  RepeatingTimer progress_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEPTION_MANAGER_H_
