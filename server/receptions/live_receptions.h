// The receptions that are in the data plane, and how the table shows them.
#ifndef TCPTOOL_SERVER_RECEPTIONS_LIVE_RECEPTIONS_H_
#define TCPTOOL_SERVER_RECEPTIONS_LIVE_RECEPTIONS_H_

#include <asio/any_io_executor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "dataplane/engine/engine.h"
#include "server/api/reception_spec.h"
#include "server/base/steady_cond_var.h"
#include "server/receptions/reception_uploads.h"
#include "server/sessions/durable_updates.h"
#include "server/store/store.h"
#include "server/watch/reception_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// Used on the one thread of its executor; callbacks are called there.
class LiveReceptions {
 public:
  using Done = std::function<void(absl::Status)>;
  // A reception has ended, and the table shows it: its state is final, or it
  // goes on at the service's next start.
  using OnEnd = std::function<void(const v1::Reception&)>;
  struct NodeUpstream {
    std::unique_ptr<dataplane::Upstream> upstream;
    // From these from now on, the preferred one first. Any thread; no effect
    // once the reception is over. Null: that cannot be changed.
    std::function<void(std::vector<NodePlan::Node>)> set_nodes;
  };
  using NewNodeUpstream = std::function<NodeUpstream(NodePlan)>;

  // The references outlive it.
  LiveReceptions(asio::any_io_executor executor, dataplane::Engine& engine,
                 ReceptionTable& table, WatchHub& hub, Store& store,
                 NewNodeUpstream new_node_upstream,
                 const ReceptionUploads& uploads, OnEnd on_end)
      : executor_(std::move(executor)),
        engine_(engine),
        table_(table),
        hub_(hub),
        store_(store),
        new_node_upstream_(std::move(new_node_upstream)),
        uploads_(uploads),
        on_end_(std::move(on_end)) {}

  // Begins a reception that is in the table and in the store as `message`.
  void Begin(const v1::Reception& message, ReceptionPlan plan);

  bool contains(const std::string& name) const { return live_.contains(name); }
  // What it receives, as the content of a session for recipients who verify
  // nothing themselves.
  std::shared_ptr<dataplane::Source> OpenSource(const std::string& name) const {
    return live_.at(name).reception->OpenSource(
        dataplane::Spool::Level::kVerified);
  }
  // Null: there is none.
  std::shared_ptr<dataplane::Reception> Find(const std::string& name) const;
  size_t size() const { return live_.size(); }
  // Of one that is received from other nodes. No effect if it is none.
  void SetNodes(const std::string& name, std::vector<NodePlan::Node> nodes);

  // For a disk to give a content its name.
  static constexpr std::chrono::seconds kCommitPatience{5};

  // Cancels a reception; `done` is called when the table shows its end, which
  // may be another one if its content is just getting its name. ABORTED: its
  // state is not `expected`, if that is given. UNAVAILABLE: the disk has not
  // given it its name for kCommitPatience, and cannot be told to leave it.
  void Cancel(const std::string& name,
              std::optional<dataplane::ReceptionState> expected, Done done);
  // Those that have received nothing yet are INTERRUPTED.
  void Drain();

  // Waits until there is none, at most for `timeout`. True: there is none. Any
  // thread but that of the executor.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  // A new state is shown to watchers only when it is durable; progress is not
  // stored.
  struct Update {
    v1::Reception reception;  // Without its spec.
    bool is_over = false;     // It is the last.
    std::vector<std::function<void()>> then;

    bool empty() const { return reception.name().empty(); }
    void Merge(Update newer) {
      if (newer.empty()) return;
      reception = std::move(newer.reception);
      is_over = newer.is_over;
    }
  };
  // For a reception's end.
  struct Waiting {
    Done done;  // Null: it has its answer.
    asio::steady_timer limit;
  };
  struct Live {
    std::shared_ptr<dataplane::Reception> reception;
    v1::Reception message;       // As last seen, without its spec.
    bool goes_on_later = false;  // Where the end of the service cuts it off.
    std::function<void(std::vector<NodePlan::Node>)> set_nodes;  // Or null.
    std::shared_ptr<DurableUpdates<Update>> updates;
    std::vector<std::shared_ptr<Waiting>> on_end;
  };

  // `limited`: for kCommitPatience at most.
  void WaitForEnd(const std::string& name, bool limited, Done done);
  absl::Status CommitHangs(const std::string& name) const;
  void OnUpdate(const std::string& name,
                const dataplane::ReceptionStatus& status);
  // Stores what the next run of the service needs to find out whether the
  // content has got its name, if this one ends in that moment.
  void BeforeNaming(const std::string& name,
                    const dataplane::ReceptionStatus& status,
                    const std::string& mark,
                    const std::function<void()>& go_on);
  void Show(const Update& update);
  void End(const std::string& name);
  void Count();

  const asio::any_io_executor executor_;
  dataplane::Engine& engine_;
  ReceptionTable& table_;
  WatchHub& hub_;
  Store& store_;
  const NewNodeUpstream new_node_upstream_;
  const ReceptionUploads& uploads_;
  const OnEnd on_end_;
  std::map<std::string, Live> live_;

  absl::Mutex mutex_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;  // As many as live_ has.
  SteadyCondVar count_changed_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_LIVE_RECEPTIONS_H_
