#include "server/fleet/service/fleet_distributions.h"

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "messages/distribution_states.h"
#include "server/api/errors.h"
#include "server/api/names.h"
#include "server/fleet/service/distribution_commands.h"
#include "server/fleet/service/distribution_creation.h"
#include "server/fleet/service/distribution_overview.h"
#include "server/fleet/service/etcd_errors.h"
#include "server/fleet/service/fleet_listings.h"
#include "server/fleet/service/fleet_messages.h"
#include "server/fleet/service/open_answers.h"
#include "server/fleet/service/seen_revisions.h"
#include "server/fleet/service/upload_check.h"
#include "server/fleet/state/reception_name.h"

namespace tcptool::fleet {
namespace {

// The counts of a distribution take all of its targets to be looked at: what
// comes within so long is counted together.
constexpr std::chrono::milliseconds kPause(100);

}  // namespace

// Kept by what is posted, and by each call until it is answered. All but the
// table is on the executor's thread.
class FleetDistributions::Service final
    : public std::enable_shared_from_this<Service> {
 public:
  Service(const asio::any_io_executor& executor, EtcdCalls* etcd,
          const FleetState& state, std::string node, server::WatchHub& hub,
          std::function<absl::Time()> now, GetProgress get_progress)
      : executor_(executor),
        state_(state),
        node_(std::move(node)),
        hub_(hub),
        now_(std::move(now)),
        get_progress_(std::move(get_progress)),
        timer_(executor),
        seen_(executor),
        commands_(etcd, state, seen_),
        creation_(etcd, state, node_, seen_) {}

  void Changed(const PrefixMirror::Changes& changes, int64_t revision) {
    for (const PrefixChange& change : changes) {
      const auto key = state_.keys().Parse(change.key);
      if (!key) continue;
      if (key->kind == FleetKey::Kind::kNode) nodes_changed_ = true;
      if (key->distribution.empty()) continue;
      std::set<std::string>& deliveries = changed_[key->distribution];
      if (key->kind == FleetKey::Kind::kDelivery) deliveries.insert(key->node);
    }
    if (seen_.is_awaited() || !is_ready_) {
      Refresh();
    } else if (!std::exchange(is_pausing_, true)) {
      timer_.expires_after(kPause);
      timer_.async_wait([self = shared_from_this()](std::error_code error) {
        self->is_pausing_ = false;
        if (!error && !self->stopped_) self->Refresh();
      });
    }
    if (!std::exchange(is_ready_, true)) table_.SetReady();
    seen_.See(revision);
  }

  void Stop() {
    stopped_ = true;
    timer_.cancel();
    seen_.Stop();
    open_.EndAll(Stopping());
  }

  // Runs `call` on the thread with a `done` that is called once.
  template <typename Response, typename Call>
  void Post(std::function<void(absl::StatusOr<Response>)> done, Call call) {
    asio::post(executor_, [self = shared_from_this(), done = std::move(done),
                           call = std::move(call)]() mutable {
      if (self->stopped_) return done(Stopping());
      if (!self->is_ready_) return done(NotReady());
      call(*self, self->open_.Add<Response>(std::move(done)));
    });
  }

  void Create(const api::CreateDistributionRequest& request,
              const std::string& creator, Done<api::Distribution> done) {
    Post<api::Distribution>(
        std::move(done), [request, creator](Service& self, auto answer) {
          self.creation_.Create(
              request, creator, self.now_(),
              [kept = self.shared_from_this(), answer = std::move(answer)](
                  absl::StatusOr<api::Distribution> made) {
                kept->Refresh();
                answer(std::move(made));
              });
        });
  }

  // A command whose answer is the distribution.
  void Run(const std::string& name, const std::string& etag,
           std::function<std::optional<DistributionStep>(
               Service&, const std::string& id, const Distribution&)>
               step,
           Done<api::Distribution> done) {
    Post<api::Distribution>(
        std::move(done),
        [name, etag, step = std::move(step)](Service& self, auto answer) {
          const std::string id = DistributionId(name);
          self.commands_.Run(
              {.id = id,
               .etag = etag,
               .step = [&self, id, step](const Distribution& distribution)
                   -> absl::StatusOr<std::optional<DistributionStep>> {
                 return step(self, id, distribution);
               },
               .done =
                   [kept = self.shared_from_this(), name,
                    answer](const absl::Status& status) {
                     if (!status.ok()) return answer(status);
                     kept->Refresh();
                     answer(kept->table_.Get(name));
                   }});
        });
  }

  void Delete(const api::DeleteDistributionRequest& request, Done<bool> done) {
    Post<bool>(std::move(done), [request](Service& self, auto answer) {
      const std::string id = DistributionId(request.name());
      self.commands_.Run({.id = id,
                          .etag = request.etag(),
                          .step =
                              [&self, id, force = request.force()](
                                  const Distribution& distribution) {
                                return DeleteStep(self.state_.keys(), id,
                                                  distribution, force);
                              },
                          .deletes = true,
                          .done =
                              [kept = self.shared_from_this(),
                               answer](const absl::Status& status) {
                                if (!status.ok()) return answer(status);
                                kept->Refresh();
                                answer(true);
                              }});
    });
  }

  // Calls `then` with what is known of how far a distribution's nodes are.
  void WithProgress(const std::string& name,
                    std::function<void(const ProgressByNode&)> then) const {
    const std::string id = DistributionId(name);
    const auto found = state_.distributions().find(id);
    if (get_progress_ == nullptr || found == state_.distributions().end() ||
        !found->second.spec || ::tcptool::IsFinal(StateOf(found->second))) {
      return then({});
    }
    get_progress_(id, found->second.spec->create_revision, std::move(then));
  }

  absl::StatusOr<std::string> FindUpload(const std::string& name) const {
    const std::string id = DistributionId(name);
    const auto found = state_.distributions().find(id);
    if (found == state_.distributions().end() || !found->second.spec) {
      return NoSuchDistribution(name);
    }
    if (absl::Status status = CheckUpload(id, found->second, node_);
        !status.ok()) {
      return status;
    }
    return ReceptionName(state_.keys().fleet(), id,
                         found->second.spec->create_revision,
                         found->second.spec->value.uid());
  }

  absl::StatusOr<DistributionOverview> GetOverview(
      const std::string& name, const ProgressByNode& progress) const {
    const std::string id = DistributionId(name);
    const auto found = state_.distributions().find(id);
    if (found == state_.distributions().end() || !found->second.spec) {
      return NoSuchDistribution(name);
    }
    return OverviewOf(id, found->second, state_.nodes(), progress);
  }

  const FleetState& state() const { return state_; }
  absl::Time now() const { return now_(); }
  const DistributionTable& table() const { return table_; }

 private:
  static absl::Status Stopping() {
    return server::Unavailable(api::ERROR_REASON_SERVICE_STOPPING,
                               "the service is stopping");
  }

  // Brings the table up to date.
  void Refresh() {
    const auto& distributions = state_.distributions();
    if (std::exchange(nodes_changed_, false)) {
      for (const auto& [id, distribution] : distributions) {
        if (::tcptool::IsFinal(StateOf(distribution))) continue;
        changed_.try_emplace(id);
      }
    }
    bool is_changed = false;
    for (const auto& [id, deliveries] : std::exchange(changed_, {})) {
      const std::string name = DistributionName(id);
      const auto found = distributions.find(id);
      if (found == distributions.end() || !found->second.spec) {
        is_changed |= table_.Remove(name);
        continue;
      }
      is_changed |= table_.Set(ToMessage(id, found->second, state_.nodes()),
                               found->second.spec->create_revision);
      for (const std::string& node : deliveries) {
        is_changed |= table_.SetMoves(name, DeliveryName(id, node),
                                      MovesOf(found->second, node));
      }
    }
    if (is_changed) hub_.WakeAll();
  }

  const asio::any_io_executor executor_;
  const FleetState& state_;
  const std::string node_;
  server::WatchHub& hub_;
  const std::function<absl::Time()> now_;
  const GetProgress get_progress_;
  asio::steady_timer timer_;
  DistributionTable table_;
  // What the table lacks, and the nodes whose deliveries of it have changed.
  std::map<std::string, std::set<std::string>> changed_;
  bool nodes_changed_ = false;
  bool is_pausing_ = false;
  bool is_ready_ = false;
  bool stopped_ = false;
  OpenAnswers open_;
  SeenRevisions seen_;
  DistributionCommands commands_;
  DistributionCreation creation_;
};

FleetDistributions::FleetDistributions(const asio::any_io_executor& executor,
                                       EtcdCalls* etcd, const FleetState& state,
                                       std::string node, server::WatchHub& hub,
                                       std::function<absl::Time()> now,
                                       GetProgress get_progress)
    : service_(std::make_shared<Service>(executor, etcd, state, std::move(node),
                                         hub, std::move(now),
                                         std::move(get_progress))) {}

FleetDistributions::~FleetDistributions() = default;

void FleetDistributions::Changed(const PrefixMirror::Changes& changes,
                                 int64_t revision) {
  service_->Changed(changes, revision);
}

void FleetDistributions::Stop() { service_->Stop(); }

void FleetDistributions::Create(const api::CreateDistributionRequest& request,
                                const std::string& creator,
                                Done<api::Distribution> done) {
  service_->Create(request, creator, std::move(done));
}

void FleetDistributions::Cancel(const api::CancelDistributionRequest& request,
                                Done<api::Distribution> done) {
  service_->Run(
      request.name(), request.etag(),
      [unchanged = !request.etag().empty()](Service& self,
                                            const std::string& id,
                                            const Distribution& distribution) {
        return CancelStep(self.state().keys(), id, distribution, unchanged,
                          self.now());
      },
      std::move(done));
}

void FleetDistributions::Retry(const api::RetryDistributionRequest& request,
                               Done<api::Distribution> done) {
  service_->Run(
      request.name(), request.etag(),
      [](Service& self, const std::string& id,
         const Distribution& distribution) {
        return RetryStep(self.state().keys(), id, distribution, self.now());
      },
      std::move(done));
}

void FleetDistributions::Delete(const api::DeleteDistributionRequest& request,
                                std::function<void(const absl::Status&)> done) {
  service_->Delete(
      request, [allow_missing = request.allow_missing(),
                done = std::move(done)](const absl::StatusOr<bool>& deleted) {
        const bool is_done =
            allow_missing && absl::IsNotFound(deleted.status());
        done(is_done ? absl::OkStatus() : deleted.status());
      });
}

void FleetDistributions::GetDelivery(const api::GetDeliveryRequest& request,
                                     Done<api::Delivery> done) {
  service_->Post<api::Delivery>(
      std::move(done), [request](const Service& self, auto answer) {
        self.WithProgress(
            server::ParseDeliveryName(request.name())->distribution,
            [kept = self.shared_from_this(), request,
             answer = std::move(answer)](const ProgressByNode& progress) {
              answer(fleet::GetDelivery(kept->state(), request, progress));
            });
      });
}

void FleetDistributions::ListDeliveries(
    const api::ListDeliveriesRequest& request,
    Done<api::ListDeliveriesResponse> done) {
  service_->Post<api::ListDeliveriesResponse>(
      std::move(done), [request](const Service& self, auto answer) {
        self.WithProgress(
            request.parent(),
            [kept = self.shared_from_this(), request,
             answer = std::move(answer)](const ProgressByNode& progress) {
              answer(fleet::ListDeliveries(kept->state(), request, progress));
            });
      });
}

void FleetDistributions::GetNode(const api::GetFleetNodeRequest& request,
                                 Done<api::FleetNode> done) {
  service_->Post<api::FleetNode>(
      std::move(done), [request](const Service& self, const auto& answer) {
        answer(fleet::GetNode(self.state(), request));
      });
}

void FleetDistributions::ListNodes(const api::ListNodesRequest& request,
                                   Done<api::ListNodesResponse> done) {
  service_->Post<api::ListNodesResponse>(
      std::move(done), [request](const Service& self, const auto& answer) {
        answer(fleet::ListNodes(self.state(), request));
      });
}

void FleetDistributions::FindUpload(const std::string& name,
                                    Done<std::string> done) {
  service_->Post<std::string>(std::move(done),
                              [name](const Service& self, const auto& answer) {
                                answer(self.FindUpload(name));
                              });
}

void FleetDistributions::GetOverview(const std::string& name,
                                     Done<DistributionOverview> done) {
  service_->Post<DistributionOverview>(
      std::move(done), [name](const Service& self, auto answer) {
        self.WithProgress(
            name, [kept = self.shared_from_this(), name,
                   answer = std::move(answer)](const ProgressByNode& progress) {
              answer(kept->GetOverview(name, progress));
            });
      });
}

const DistributionTable& FleetDistributions::table() const {
  return service_->table();
}

}  // namespace tcptool::fleet
