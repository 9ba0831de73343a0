#include "server/receptions/reception_manager.h"

#include <chrono>
#include <future>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "messages/time.h"
#include "server/api/errors.h"
#include "server/api/etag.h"
#include "server/base/log.h"
#include "server/receptions/received_file.h"

namespace tcptool::server {
namespace {

// How often expired receptions are deleted, and uploads that nobody expects
// end.
constexpr auto kTick = std::chrono::seconds(1);

// The interval at which progress is shown to watchers; the API promises at most
// four times a second.
constexpr auto kProgress = std::chrono::milliseconds(250);

// One that is neither live nor final.
absl::Status GoesOnLater(const v1::Reception& reception) {
  return Unavailable(v1::ERROR_REASON_NOT_READY,
                     absl::StrCat(reception.name(),
                                  " is gone on with when the service has "
                                  "started, and the file system of "
                                  "root \"",
                                  reception.spec().destination().root(),
                                  "\" answers: try again then"));
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
            options_.new_node_upstream, uploads_,
            [this](const v1::Reception& reception) { OnEnd(reception); }),
      request_ids_(store, RequestKind::kReception),
      held_(options_.max_receptions, hub, store, request_ids_,
            [this](const std::string& name) {
              table_.Remove(name);
              store_.DeleteReception(name);
            }),
      creation_(control_.get_executor(), options_.max_running, roots, table,
                hub, store, live_, held_, request_ids_),
      sweeper_(control_.get_executor(), roots),
      restoration_(
          control_.get_executor(),
          {.engine = engine,
           .roots = roots,
           .table = table,
           .hub = hub,
           .store = store,
           .live = live_,
           .held = held_,
           .sweeper = sweeper_},
          [this](const v1::Reception& reception) { AddFinished(reception); },
          [this](const v1::Reception& reception) { OnEnd(reception); }),
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
    restoration_.Restore(contents.receptions);
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
  control_.Post([this, name = std::move(name), nodes = std::move(nodes)] {
    if (!restoration_.SetNodes(name, nodes)) live_.SetNodes(name, nodes);
  });
}

void ReceptionManager::Drain() {
  creation_.StopAccepting();
  uploads_.Stop();
  control_.PostAndWait([this] {
    restoration_.Stop();
    live_.Drain();
  });
}

void ReceptionManager::Stop() {
  Drain();
  roots_.AnswerPending();
  engine_.Stop();
  live_.WaitUntilIdle(absl::InfiniteDuration());
}

void ReceptionManager::Create(v1::CreateReceptionRequest request,
                              std::string creator, ReceptionDone done) {
  const bool makes_one = !request.validate_only();
  creation_.Create(std::move(request), std::move(creator),
                   [this, makes_one, done = std::move(done)](
                       const absl::StatusOr<v1::Reception>& reception) {
                     done(reception);
                     if (reception.ok() && makes_one) {
                       sweeper_.SweepFor(*reception);
                     }
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
  if (absl::IsNotFound(reception.status()) && request.allow_missing()) {
    return done(absl::OkStatus());
  }
  if (!reception.ok()) return done(reception.status());
  const auto executor = control_.get_executor();
  if (!live_.contains(request.name())) {
    if (!IsFinal(reception->state())) return done(GoesOnLater(*reception));
    return held_.PurgeDurably(request.name(), executor, done);
  }
  if (!request.force()) {
    return done(FailedPrecondition(
        v1::ERROR_REASON_RESOURCE_NOT_FINISHED, request.name(),
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
    restoration_.WhenSettled(reception, [this, reception, with_sha256, done] {
      OpenNow(reception, with_sha256, done);
    });
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
      return done(FailedPrecondition(
          v1::ERROR_REASON_RECEPTION_WITHOUT_SHA256, name,
          absl::StrCat(
              name,
              " computes no SHA-256 of what it receives; create it with "
              "compute_sha256, or the session without")));
    }
    return done(live_.OpenSource(name));
  }
  if (!IsFinal(reception->state())) return done(GoesOnLater(*reception));
  if (reception->state() != v1::RECEPTION_STATE_SUCCEEDED) {
    return done(FailedPrecondition(
        v1::ERROR_REASON_RECEPTION_WITHOUT_CONTENT, name,
        absl::StrCat(name, " is ", StateName(reception->state()),
                     reception->detail().empty() ? "" : ": ",
                     reception->detail(), "; there is nothing to be sent")));
  }
  roots_.Run<dataplane::ReceivedFile>(
      reception->spec().destination().root(),
      [reception = *reception](const ContentRoot& root) {
        return OpenUntouched(root, reception);
      },
      [this, root = RootOf(*reception),
       done = std::move(done)](absl::StatusOr<dataplane::ReceivedFile> file) {
        if (!file.ok()) return done(file.status());
        done(engine_.SourceOf(*std::move(file), root));
      });
}

void ReceptionManager::AnswerPending() {
  // Behind those that were asked for before.
  control_.PostAndWait([this] { restoration_.Stop(); });
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

void ReceptionManager::OnTick() {
  const auto now = dataplane::Clock::now();
  held_.PurgeExpired(now);
  uploads_.EndOverdue(now);
}

void ReceptionManager::OnProgress() {
  if (hub_.progress_pace().Allows(ProgressPace::Clock::now()) &&
      table_.PublishProgress()) {
    hub_.WakeAll();
  }
}

}  // namespace tcptool::server
