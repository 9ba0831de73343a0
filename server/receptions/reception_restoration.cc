#include "server/receptions/reception_restoration.h"

#include <asio/post.hpp>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/receiving/file_mark.h"
#include "messages/states.h"
#include "messages/time.h"
#include "server/api/etag.h"
#include "server/api/reception_translate.h"
#include "server/receptions/destination.h"
#include "server/receptions/received_file.h"

namespace tcptool::server {
namespace {

// Before a disk that has not answered is asked again.
constexpr auto kPause = std::chrono::seconds(1);
// Before it is looked again whether a file has been read.
constexpr auto kLookInterval = std::chrono::milliseconds(20);

constexpr char kStopped[] = "the service was stopped";

void SetEnd(v1::ReceptionState state, const std::string& detail,
            v1::Reception& reception) {
  reception.set_state(state);
  reception.set_detail(detail);
  *reception.mutable_end_time() = ToTimestamp(absl::Now());
  reception.set_etag(NewEtag(reception));
}

void SetStamp(const dataplane::FileStamp& stamp, v1::Reception& reception) {
  *reception.mutable_file_change_time() = ToTimestamp(stamp.changed);
  reception.set_file_inode(static_cast<int64_t>(stamp.inode));
}

std::string CannotGoOn(const absl::Status& reason) {
  return absl::StrCat(kStopped, ", and it could not go on: ", reason.message());
}

}  // namespace

void ReceptionRestoration::Restore(
    const std::vector<StoredReception>& receptions) {
  PartialSweeper::Everywhere partials;
  for (const StoredReception& stored : receptions) Restore(stored, partials);
  service_.sweeper.SweepAll(partials);
}

void ReceptionRestoration::Restore(StoredReception stored,
                                   PartialSweeper::Everywhere& partials) {
  v1::Reception& reception = stored.reception;
  v1::ReceptionSpec spec = reception.spec();
  auto plan = ToReceptionPlan(spec);
  const bool was_final = IsFinal(reception.state());
  const bool may_go_on = !was_final && plan.ok() && plan->nodes;
  const bool may_have_name =
      !was_final && plan.ok() && !stored.extra.mark.empty();
  // Also of a final one: its disk may have failed when the file was to be
  // removed.
  if (plan.ok() && reception.state() != v1::RECEPTION_STATE_SUCCEEDED) {
    PartialIds& ids =
        partials[{reception.spec().destination().root(), plan->directory}];
    if (!ids.going_on) ids.going_on.emplace();
    (may_go_on ? *ids.going_on : ids.gone).insert(stored.extra.partial_id);
  }
  if (may_go_on) {
    WillGoOn(reception);
    reception.set_etag(NewEtag(reception));
  } else if (!was_final && !may_have_name) {
    SetEnd(v1::RECEPTION_STATE_INTERRUPTED,
           plan.ok() ? kStopped : CannotGoOn(plan.status()), reception);
    service_.store.PutReception(reception, stored.extra);
  }
  service_.table.Insert(reception, stored.extra.number);
  service_.held.Add();
  if (!may_go_on && !may_have_name) return on_restored_(reception);
  const auto unfinished = std::make_shared<Unfinished>(
      Unfinished{.reception = std::move(reception),
                 .plan = *std::move(plan),
                 .extra = std::move(stored.extra)});
  unsettled_[unfinished->reception.name()] = unfinished;
  if (may_have_name) return LookForName(unfinished);
  Resume(unfinished);
}

bool ReceptionRestoration::AsksAgain(
    const std::shared_ptr<Unfinished>& unfinished, const absl::Status& status,
    std::function<void()> ask) {
  // The latter: there was no thread to ask it on.
  if (!absl::IsUnavailable(status) && !absl::IsResourceExhausted(status)) {
    return false;
  }
  unfinished->Answer();
  unfinished->pause.emplace(executor_, kPause);
  unfinished->pause->async_wait(
      [this, ask = std::move(ask)](asio::error_code error) {
        if (!error && !is_stopped_) ask();
      });
  return true;
}

void ReceptionRestoration::LookForName(
    const std::shared_ptr<Unfinished>& unfinished) {
  service_.roots.Run<Named>(
      unfinished->reception.spec().destination().root(),
      [reception = unfinished->reception, path = unfinished->plan.directory,
       name = unfinished->plan.options.destination.name,
       mark = unfinished->extra.mark](
          const ContentRoot& root) mutable -> absl::StatusOr<Named> {
        const auto directory = root.OpenDirectory(path);
        if (!directory.ok()) return directory.status();
        const auto stamp = dataplane::ConfirmName(dataplane::FileApi::Real(),
                                                  directory->get(), name, mark);
        if (!stamp.ok()) return stamp.status();
        SetStamp(*stamp, reception);
        auto file = OpenUntouched(root, reception);
        if (!file.ok()) return file.status();
        return Named{.file = std::move(file->reading), .stamp = *stamp};
      },
      [this, unfinished](const absl::StatusOr<Named>& named) {
        asio::post(executor_,
                   [this, unfinished, named] { OnLooked(unfinished, named); });
      });
}

void ReceptionRestoration::OnLooked(
    const std::shared_ptr<Unfinished>& unfinished,
    const absl::StatusOr<Named>& named) {
  if (is_stopped_) return;
  if (!named.ok()) return HasNoName(unfinished, named.status());
  // The mark is that of a file to which nobody has written, or whose time of
  // that was set back. The change time, which nobody can set, is another one
  // since the rename.
  Check(unfinished, service_.engine.DigestsOf(named->file), named->stamp,
        std::chrono::steady_clock::now());
}

void ReceptionRestoration::Check(
    const std::shared_ptr<Unfinished>& unfinished,
    const std::shared_ptr<const dataplane::BlockDigests>& content,
    const dataplane::FileStamp& stamp,
    std::chrono::steady_clock::time_point began) {
  if (const auto end = content->end()) {
    if (end->root == RootOf(unfinished->reception)) {
      return Succeed(*unfinished, stamp);
    }
    return HasNoName(unfinished, absl::FailedPreconditionError(
                                     "its content is not what was received"));
  }
  if (const absl::Status error = content->error(); !error.ok()) {
    return HasNoName(unfinished, error);
  }
  // Nobody waits longer for a long file than for a disk.
  if (absl::FromChrono(std::chrono::steady_clock::now() - began) >=
      ContentRoots::kDeadline) {
    unfinished->Answer();
  }
  unfinished->pause.emplace(executor_, kLookInterval);
  unfinished->pause->async_wait(
      [this, unfinished, content, stamp, began](asio::error_code error) {
        if (error || is_stopped_) return;
        Check(unfinished, content, stamp, began);
      });
}

void ReceptionRestoration::HasNoName(
    const std::shared_ptr<Unfinished>& unfinished, const absl::Status& reason) {
  if (AsksAgain(unfinished, reason,
                [this, unfinished] { LookForName(unfinished); })) {
    return;
  }
  const std::string not_looked_at =
      absl::IsNotFound(reason)
          ? ""
          : absl::StrCat(
                ", and what is under the name is not known to be the content: ",
                reason.message());
  if (unfinished->plan.nodes) {
    unfinished->not_looked_at = not_looked_at;
    // All of it comes again, or is looked at again.
    unfinished->reception.clear_content_root();
    unfinished->reception.clear_content_sha256();
    service_.table.Update(unfinished->reception);
    return Resume(unfinished);
  }
  Interrupt(*unfinished, absl::StrCat(kStopped, not_looked_at));
}

void ReceptionRestoration::Succeed(Unfinished& unfinished,
                                   const dataplane::FileStamp& stamp) {
  v1::Reception& reception = unfinished.reception;
  const int64_t length = reception.content_length();
  reception.set_bytes_received(length);
  reception.set_bytes_verified(length);
  reception.set_bytes_durable(length);
  SetStamp(stamp, reception);
  SetEnd(v1::RECEPTION_STATE_SUCCEEDED,
         unfinished.plan.nodes
             ? ""
             : "the sender does not know of it, as the service was stopped "
               "before it could be told",
         reception);
  End(unfinished);
}

void ReceptionRestoration::Resume(
    const std::shared_ptr<Unfinished>& unfinished) {
  using Opened = std::shared_ptr<dataplane::Destination>;
  const dataplane::Destination& planned = unfinished->plan.options.destination;
  unfinished->plan.options.resume = true;
  service_.roots.Run<Opened>(
      unfinished->reception.spec().destination().root(),
      [path = unfinished->plan.directory, name = planned.name,
       id = unfinished->extra.partial_id, overwrite = planned.overwrite,
       resumable = planned.resumable](
          const ContentRoot& root) -> absl::StatusOr<Opened> {
        // The work's own, as it may go on after the deadline.
        auto destination = std::make_shared<dataplane::Destination>(
            dataplane::Destination{.name = name,
                                   .id = id,
                                   .overwrite = overwrite,
                                   .resumable = resumable});
        // What it needs of the disk, it has in part: its own file says whether
        // there is room.
        const absl::Status status =
            OpenDestination(root, path, 0, *destination);
        if (!status.ok()) return status;
        return destination;
      },
      [this, unfinished](const absl::StatusOr<Opened>& opened) {
        asio::post(executor_, [this, unfinished, opened] {
          OnOpened(unfinished, opened);
        });
      });
}

void ReceptionRestoration::OnOpened(
    const std::shared_ptr<Unfinished>& unfinished,
    const absl::StatusOr<std::shared_ptr<dataplane::Destination>>& opened) {
  if (is_stopped_) return;
  if (opened.ok()) {
    unfinished->plan.options.destination = std::move(**opened);
    service_.live.Begin(unfinished->reception, std::move(unfinished->plan));
    return Settle(unfinished->reception.name());
  }
  if (AsksAgain(unfinished, opened.status(),
                [this, unfinished] { Resume(unfinished); })) {
    return;
  }
  Interrupt(*unfinished, absl::StrCat(CannotGoOn(opened.status()),
                                      unfinished->not_looked_at));
}

void ReceptionRestoration::Interrupt(Unfinished& unfinished,
                                     const std::string& detail) {
  SetEnd(v1::RECEPTION_STATE_INTERRUPTED, detail, unfinished.reception);
  End(unfinished);
}

void ReceptionRestoration::End(const Unfinished& unfinished) {
  const v1::Reception& reception = unfinished.reception;
  service_.store.PutReception(reception, unfinished.extra);
  service_.sweeper.Remove(reception.spec().destination().root(),
                          unfinished.plan.directory,
                          unfinished.extra.partial_id);
  service_.table.Update(reception);
  service_.hub.WakeAll();
  on_end_(reception);
  Settle(reception.name());
}

void ReceptionRestoration::WhenSettled(const std::string& name,
                                       std::function<void()> then) {
  const auto unsettled = unsettled_.find(name);
  if (unsettled == unsettled_.end()) return then();
  unsettled->second->waiting.push_back(std::move(then));
}

bool ReceptionRestoration::SetNodes(const std::string& name,
                                    const std::vector<NodePlan::Node>& nodes) {
  const auto unsettled = unsettled_.find(name);
  if (unsettled == unsettled_.end()) return false;
  if (unsettled->second->plan.nodes) {
    unsettled->second->plan.nodes->nodes = nodes;
  }
  return true;
}

void ReceptionRestoration::Settle(const std::string& name) {
  const auto settled = unsettled_.extract(name).mapped();
  settled->pause.reset();
  settled->Answer();
}

void ReceptionRestoration::Stop() {
  is_stopped_ = true;
  for (const auto& [name, unfinished] : std::exchange(unsettled_, {})) {
    unfinished->pause.reset();
    unfinished->Answer();
  }
}

void ReceptionRestoration::Unfinished::Answer() {
  for (const auto& then : std::exchange(waiting, {})) then();
}

}  // namespace tcptool::server
