#include "server/receptions/live_receptions.h"

#include <asio/post.hpp>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/sender_upstream.h"
#include "messages/states.h"
#include "server/api/errors.h"
#include "server/api/etag.h"
#include "server/api/reception_translate.h"
#include "server/receptions/reception_mailbox.h"

namespace tcptool::server {

void LiveReceptions::Begin(const v1::Reception& message, ReceptionPlan plan) {
  const std::string& name = message.name();
  Live& live = live_[name];
  live.message = message;
  live.message.clear_spec();
  live.updates = std::make_shared<DurableUpdates<Update>>(
      store_, executor_, [this](const Update& update) { Show(update); });
  plan.options.name = name;
  live.goes_on_later = plan.nodes && store_.persistent();
  std::unique_ptr<dataplane::Upstream> upstream;
  if (plan.nodes) {
    plan.nodes->id = plan.options.destination.id;
    plan.nodes->reception = name;
    NodeUpstream nodes = new_node_upstream_(*std::move(plan.nodes));
    upstream = std::move(nodes.upstream);
    live.set_nodes = std::move(nodes.set_nodes);
  } else if (plan.is_upload) {
    upstream = uploads_.NewUpstream(name);
  } else {
    upstream =
        std::make_unique<dataplane::SenderUpstream>(std::move(plan.sender));
  }
  live.reception = engine_.CreateReception(
      std::move(plan.options), std::move(upstream),
      std::make_shared<ReceptionMailbox>(
          executor_,
          [this, name](const dataplane::ReceptionStatus& status) {
            OnUpdate(name, status);
          },
          [this, name](const dataplane::ReceptionStatus& status,
                       const std::string& mark,
                       const std::function<void()>& go_on) {
            BeforeNaming(name, status, mark, go_on);
          }));
  Count();
}

std::shared_ptr<dataplane::Reception> LiveReceptions::Find(
    const std::string& name) const {
  const auto found = live_.find(name);
  return found == live_.end() ? nullptr : found->second.reception;
}

void LiveReceptions::SetNodes(const std::string& name,
                              std::vector<NodePlan::Node> nodes) {
  const auto found = live_.find(name);
  if (found == live_.end() || found->second.set_nodes == nullptr) return;
  found->second.set_nodes(std::move(nodes));
}

void LiveReceptions::Cancel(const std::string& name,
                            std::optional<dataplane::ReceptionState> expected,
                            Done done) {
  live_.at(name).reception->Cancel(
      expected,
      [this, name, done = std::move(done)](const absl::Status& status) {
        asio::post(executor_, [this, name, done, status] {
          if (absl::IsAborted(status)) {
            return done(EtagMismatch(name, status.message()));
          }
          // One that is getting its name ends by itself.
          WaitForEnd(name, absl::IsFailedPrecondition(status), done);
        });
      });
}

void LiveReceptions::WaitForEnd(const std::string& name, bool limited,
                                Done done) {
  // The last update may already have been processed.
  const auto live = live_.find(name);
  if (live == live_.end()) return done(absl::OkStatus());
  const auto waiting = std::make_shared<Waiting>(
      Waiting{.done = std::move(done), .limit = asio::steady_timer(executor_)});
  live->second.on_end.push_back(waiting);
  if (!limited) return;
  waiting->limit.expires_after(kCommitPatience);
  waiting->limit.async_wait([this, name, waiting](asio::error_code error) {
    if (error || waiting->done == nullptr) return;
    std::exchange(waiting->done, nullptr)(CommitHangs(name));
  });
}

absl::Status LiveReceptions::CommitHangs(const std::string& name) const {
  const auto reception = table_.Get(name);
  if (!reception.ok()) return reception.status();
  return Unavailable(
      v1::ERROR_REASON_ROOT_DOES_NOT_ANSWER,
      absl::StrCat(
          "the file system of root \"", reception->spec().destination().root(),
          "\" does not answer: the whole content of ", name,
          " has come, and is being given its name; try again when it is back"));
}

void LiveReceptions::Drain() {
  for (const auto& [name, live] : live_) {
    const v1::ReceptionState state = live.message.state();
    if (state == v1::RECEPTION_STATE_CONNECTING ||
        state == v1::RECEPTION_STATE_WAITING) {
      live.reception->Stop();
    }
  }
}

bool LiveReceptions::WaitUntilIdle(absl::Duration timeout) {
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return count_ == 0;
  };
  absl::MutexLock lock(&mutex_);
  return count_changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(timeout),
                                idle);
}

void LiveReceptions::OnUpdate(const std::string& name,
                              const dataplane::ReceptionStatus& status) {
  const auto found = live_.find(name);
  if (found == live_.end()) return;
  Live& live = found->second;
  const v1::ReceptionState before = live.message.state();
  CopyStatus(status, live.message);
  const bool is_over = IsFinal(live.message.state());
  if (status.state == dataplane::ReceptionState::kInterrupted &&
      live.goes_on_later) {
    WillGoOn(live.message);
  }
  const bool is_new_state = live.message.state() != before;
  if (is_new_state) {
    live.message.set_etag(NewEtag(live.message));
    store_.PutReception(live.message, {});
  }
  // Kept, as the update may be the last.
  const auto updates = live.updates;
  updates->Add({.reception = live.message, .is_over = is_over},
               is_new_state ? ShowWhen::kDurable : ShowWhen::kNow);
}

void LiveReceptions::BeforeNaming(const std::string& name,
                                  const dataplane::ReceptionStatus& status,
                                  const std::string& mark,
                                  const std::function<void()>& go_on) {
  const auto found = live_.find(name);
  // It may have been cancelled meanwhile, and that be recorded.
  if (found == live_.end() || IsFinal(found->second.message.state())) return;
  v1::Reception message = found->second.message;
  CopyStatus(status, message);
  store_.PutReception(message, {.mark = mark});
  // A disk that takes no state keeps no content from its name.
  store_.WhenDurable([go_on](const absl::Status&) { go_on(); });
}

void LiveReceptions::Show(const Update& update) {
  if (table_.Update(update.reception)) hub_.WakeAll();
  if (update.is_over) End(update.reception.name());
}

void LiveReceptions::End(const std::string& name) {
  const auto live = live_.find(name);
  const Live ended = std::move(live->second);
  live_.erase(live);
  on_end_(*table_.Get(name));
  for (const auto& waiting : ended.on_end) {
    waiting->limit.cancel();
    if (waiting->done != nullptr) {
      std::exchange(waiting->done, nullptr)(absl::OkStatus());
    }
  }
  // Last, since WaitUntilIdle() promises that all of the above is done.
  Count();
}

void LiveReceptions::Count() {
  absl::MutexLock lock(&mutex_);
  count_ = live_.size();
  count_changed_.NotifyAll();
}

}  // namespace tcptool::server
