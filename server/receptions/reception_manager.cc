#include "server/receptions/reception_manager.h"

#include <chrono>
#include <future>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "messages/states.h"
#include "messages/time.h"
#include "server/api/etag.h"
#include "server/api/reception_translate.h"
#include "server/base/log.h"
#include "server/receptions/received_file.h"

namespace tcptool::server {
namespace {

// How often expired receptions are deleted.
constexpr auto kTick = std::chrono::seconds(1);

// The interval at which progress is shown to watchers; the API promises at most
// four times a second.
constexpr auto kProgress = std::chrono::milliseconds(250);

void SetInterrupted(v1::Reception& reception, const std::string& detail) {
  reception.set_state(v1::RECEPTION_STATE_INTERRUPTED);
  reception.set_detail(detail);
  *reception.mutable_end_time() = ToTimestamp(absl::Now());
  reception.set_etag(NewEtag(reception));
}

// One that is neither live nor final.
absl::Status GoesOnLater(const v1::Reception& reception) {
  return absl::UnavailableError(absl::StrCat(
      reception.name(), " goes on when the service is back: try again then"));
}

}  // namespace

ReceptionManager::ReceptionManager(Options options, dataplane::Engine& engine,
                                   const ContentRoots& roots,
                                   ReceptionTable& table, WatchHub& hub,
                                   Store& store)
    : options_(std::move(options)),
      engine_(engine),
      roots_(roots),
      table_(table),
      hub_(hub),
      store_(store),
      live_(control_.get_executor(), engine, table, hub, store,
            options_.new_node_upstream,
            [this](const v1::Reception& reception) { OnEnd(reception); }),
      request_ids_(store, RequestKind::kReception),
      held_(options_.max_receptions, hub, store, request_ids_,
            [this](const std::string& name) {
              table_.Remove(name);
              store_.DeleteReception(name);
            }),
      creation_(control_.get_executor(), options_.max_running, roots, table,
                hub, store, live_, held_, request_ids_),
      tick_(control_.get_executor(), kTick, [this] { OnTick(); }),
      progress_(control_.get_executor(), kProgress, [this] { OnProgress(); }) {
  control_.Post([this] {
    tick_.Run();
    progress_.Run();
  });
}

ReceptionManager::~ReceptionManager() {
  Stop();
  roots_.AnswerPending();
  // Runs after the answers that wait for the store.
  std::promise<void> answered;
  control_.Post([this, &answered] {
    store_.WhenDurable(
        [&answered](const absl::Status&) { answered.set_value(); });
  });
  answered.get_future().wait();
  control_.Post([this] {
    tick_.Stop();
    progress_.Stop();
  });
  control_.Join();
}

void ReceptionManager::Restore(const Store::Contents& contents) {
  control_.PostAndWait([this, &contents] {
    for (const StoredRequest& request : contents.requests) {
      request_ids_.Restore(request);
    }
    Partials partials;
    for (const StoredReception& stored : contents.receptions) {
      Restore(stored, partials);
    }
    // All of them everywhere: a directory may have several paths.
    for (const auto& [where, ids] : partials) {
      going_on_.insert(ids.going_on->begin(), ids.going_on->end());
    }
    for (auto& [where, ids] : partials) {
      ids.going_on = going_on_;
      RemovePartials(where.first, where.second, std::move(ids));
    }
    held_.PurgeSurplus();
    // As of sessions.
    held_.PurgeExpired(dataplane::Clock::now());
  });
}

void ReceptionManager::Find(
    std::string name,
    std::function<void(const std::shared_ptr<dataplane::Reception>&)> done) {
  control_.Post([this, name = std::move(name), done = std::move(done)] {
    done(live_.Find(name));
  });
}

void ReceptionManager::SetNodes(std::string name,
                                std::vector<NodePlan::Node> nodes) {
  control_.Post(
      [this, name = std::move(name), nodes = std::move(nodes)]() mutable {
        live_.SetNodes(name, std::move(nodes));
      });
}

void ReceptionManager::Restore(StoredReception stored, Partials& partials) {
  v1::Reception& reception = stored.reception;
  v1::ReceptionSpec spec = reception.spec();
  auto plan = ToReceptionPlan(spec);
  const bool goes_on =
      !IsFinal(reception.state()) && reception.spec().has_node() && plan.ok();
  // Also of a final one: its disk may have failed when the file was to be
  // removed.
  if (plan.ok() && reception.state() != v1::RECEPTION_STATE_SUCCEEDED) {
    PartialIds& ids =
        partials[{reception.spec().destination().root(), plan->directory}];
    if (!ids.going_on) ids.going_on.emplace();
    (goes_on ? *ids.going_on : ids.gone).insert(stored.extra.partial_id);
  }
  if (goes_on) {
    WillGoOn(reception);
    reception.set_etag(NewEtag(reception));
  } else if (!IsFinal(reception.state())) {
    SetInterrupted(reception,
                   absl::StrCat("the service was stopped",
                                plan.ok() ? "" : ", and it could not go on: ",
                                plan.status().message()));
    store_.PutReception(reception, stored.extra);
  }
  table_.Insert(reception, stored.extra.number);
  held_.Add();
  if (goes_on) {
    return Resume(reception, *std::move(plan), stored.extra);
  }
  AddFinished(reception);
}

void ReceptionManager::Resume(const v1::Reception& reception,
                              ReceptionPlan plan, const ReceptionExtra& extra) {
  using Opened = std::shared_ptr<dataplane::Destination>;
  auto resumed = std::make_shared<ReceptionPlan>(std::move(plan));
  auto destination = std::make_shared<dataplane::Destination>(
      std::exchange(resumed->options.destination, {}));
  destination->id = extra.partial_id;
  resumed->options.resume = true;
  roots_.Run<Opened>(
      reception.spec().destination().root(),
      [destination, path = resumed->directory](
          const ContentRoot& root) -> absl::StatusOr<Opened> {
        // What it needs of the disk, it has in part: its own file says whether
        // there is room.
        const absl::Status status =
            OpenDestination(root, path, 0, *destination);
        if (!status.ok()) return status;
        return destination;
      },
      [this, resumed, reception, extra](const absl::StatusOr<Opened>& opened) {
        control_.Post([this, resumed, reception, extra, opened] {
          if (!table_.contains(reception.name())) return;  // Deleted since.
          if (!opened.ok()) {
            return Interrupt(reception, resumed->directory, extra,
                             opened.status());
          }
          resumed->options.destination = std::move(**opened);
          live_.Begin(reception, std::move(*resumed));
        });
      });
}

void ReceptionManager::Interrupt(v1::Reception reception,
                                 const std::string& directory,
                                 const ReceptionExtra& extra,
                                 const absl::Status& reason) {
  SetInterrupted(reception,
                 absl::StrCat("the service was stopped, and it could not go "
                              "on: ",
                              reason.message()));
  store_.PutReception(reception, extra);
  RemovePartials(reception.spec().destination().root(), directory,
                 {.gone = {extra.partial_id}});
  table_.Update(reception);
  hub_.WakeAll();
  OnEnd(reception);
}

void ReceptionManager::RemovePartials(const std::string& root,
                                      const std::string& directory,
                                      PartialIds ids, Removed done) {
  roots_.TidyUp<size_t>(
      root,
      [directory, ids = std::move(ids)](const ContentRoot& content_root) {
        return RemovePartialFiles(content_root, directory, ids);
      },
      [root, directory,
       done = std::move(done)](const absl::StatusOr<size_t>& removed) {
        done(removed);
        // Where the root or the directory is gone, nothing is left of it.
        if (removed.ok() || absl::IsNotFound(removed.status())) return;
        LogWarning("partial_files_stay",
                   {{"root", root},
                    {"directory", directory},
                    {"error", std::string(removed.status().message())}});
      });
}

void ReceptionManager::SweepFor(const v1::Reception& reception) {
  v1::ReceptionSpec spec = reception.spec();
  const auto plan = ToReceptionPlan(spec);
  const std::string& root = spec.destination().root();
  if (!plan.ok() || !swept_roots_.insert(root).second) return;
  RemovePartials(root, plan->directory, {.going_on = going_on_},
                 [this, root](const absl::StatusOr<size_t>& removed) {
                   // It hangs, or did: see ContentRoots.
                   if (absl::IsUnavailable(removed.status())) return;
                   control_.Post([this, root] { swept_roots_.erase(root); });
                 });
}

void ReceptionManager::Drain() {
  creation_.StopAccepting();
  control_.PostAndWait([this] { live_.Drain(); });
}

void ReceptionManager::Stop() {
  Drain();
  roots_.AnswerPending();
  engine_.Stop();
  live_.WaitUntilIdle(absl::InfiniteDuration());
}

void ReceptionManager::Create(v1::CreateReceptionRequest request,
                              ReceptionDone done) {
  creation_.Create(std::move(request),
                   [this, done = std::move(done)](
                       const absl::StatusOr<v1::Reception>& reception) {
                     done(reception);
                     if (reception.ok()) SweepFor(*reception);
                   });
}

absl::StatusOr<v1::Reception> ReceptionManager::GetForCommand(
    const std::string& name, const std::string& etag) const {
  absl::StatusOr<v1::Reception> reception = table_.Get(name);
  if (reception.ok() && !etag.empty() && etag != reception->etag()) {
    return EtagMismatch(name,
                        absl::StrCat("it is ", StateName(reception->state())));
  }
  return reception;
}

void ReceptionManager::Cancel(v1::CancelReceptionRequest request,
                              ReceptionDone done) {
  control_.Post([this, request = std::move(request), done = std::move(done)] {
    auto reception = GetForCommand(request.name(), request.etag());
    if (!reception.ok() || !live_.contains(request.name())) {
      if (reception.ok() && !IsFinal(reception->state())) {
        return done(GoesOnLater(*reception));
      }
      return done(std::move(reception));
    }
    live_.Cancel(
        request.name(), StateOf(request.etag(), *reception),
        [this, name = request.name(), done](const absl::Status& status) {
          if (!status.ok()) return done(status);
          done(table_.Get(name));
        });
  });
}

void ReceptionManager::Delete(v1::DeleteReceptionRequest request, Done done) {
  control_.Post([this, request = std::move(request), done = std::move(done)] {
    DeleteNow(request, done);
  });
}

void ReceptionManager::DeleteNow(const v1::DeleteReceptionRequest& request,
                                 const Done& done) {
  const auto reception = GetForCommand(request.name(), request.etag());
  if (!reception.ok()) return done(reception.status());
  const auto executor = control_.get_executor();
  if (!live_.contains(request.name())) {
    if (!IsFinal(reception->state())) return done(GoesOnLater(*reception));
    return held_.PurgeDurably(request.name(), executor, done);
  }
  if (!request.force()) {
    return done(absl::FailedPreconditionError(
        absl::StrCat(request.name(), " is ", StateName(reception->state()),
                     "; cancel it first, or set force")));
  }
  live_.Cancel(request.name(), StateOf(request.etag(), *reception),
               [this, executor, name = request.name(),
                done](const absl::Status& status) {
                 if (!status.ok()) return done(status);
                 held_.PurgeDurably(name, executor, done);
               });
}

void ReceptionManager::Open(const std::string& reception, bool with_sha256,
                            Opened done) {
  control_.Post([this, reception, with_sha256, done = std::move(done)] {
    OpenNow(reception, with_sha256, done);
  });
}

void ReceptionManager::OpenNow(const std::string& name, bool with_sha256,
                               Opened done) {
  const auto reception = table_.Get(name);
  if (!reception.ok()) return done(reception.status());
  if (live_.contains(name)) {
    const v1::ReceptionSpec& spec = reception->spec();
    if (with_sha256 && !spec.compute_sha256() &&
        spec.expected_sha256().empty()) {
      return done(absl::FailedPreconditionError(absl::StrCat(
          name,
          " computes no SHA-256 of what it receives; create it with "
          "compute_sha256, or the session without")));
    }
    return done(live_.OpenSource(name));
  }
  if (reception->state() != v1::RECEPTION_STATE_SUCCEEDED) {
    return done(absl::FailedPreconditionError(
        absl::StrCat(name, " is ", StateName(reception->state()),
                     reception->detail().empty() ? "" : ": ",
                     reception->detail(), "; there is nothing to be sent")));
  }
  roots_.Run<std::shared_ptr<dataplane::Source>>(
      reception->spec().destination().root(),
      [&engine = engine_, reception = *reception](const ContentRoot& root) {
        return OpenReceivedFile(engine, root, reception);
      },
      std::move(done));
}

void ReceptionManager::AnswerPending() {
  // Behind those that were asked for before.
  control_.PostAndWait([] {});
  roots_.AnswerPending();
}

void ReceptionManager::OnEnd(const v1::Reception& reception) {
  if (!IsFinal(reception.state())) return;
  LogInfo("reception_ended", {{"reception", reception.name()},
                              {"state", StateName(reception.state())},
                              {"reason", ReasonName(reception.reason())},
                              {"bytes", reception.bytes_received()},
                              {"detail", reception.detail()}});
  AddFinished(reception);
}

void ReceptionManager::AddFinished(const v1::Reception& reception) {
  held_.AddFinished(reception.name(), ToTime(reception.end_time()),
                    ToDuration(reception.spec().retention()));
}

void ReceptionManager::OnTick() { held_.PurgeExpired(dataplane::Clock::now()); }

void ReceptionManager::OnProgress() {
  if (hub_.progress_pace().Allows(ProgressPace::Clock::now()) &&
      table_.PublishProgress()) {
    hub_.WakeAll();
  }
}

}  // namespace tcptool::server
