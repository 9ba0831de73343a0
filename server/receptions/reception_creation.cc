#include "server/receptions/reception_creation.h"

#include <asio/post.hpp>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "messages/source.h"
#include "messages/time.h"
#include "server/api/errors.h"
#include "server/api/etag.h"
#include "server/api/invalid_field.h"
#include "server/api/names.h"
#include "server/base/log.h"
#include "server/receptions/destination.h"

namespace tcptool::server {
ReceptionCreation::ReceptionCreation(asio::any_io_executor executor,
                                     size_t max_running,
                                     const ContentRoots& roots,
                                     ReceptionTable& table, WatchHub& hub,
                                     Store& store, LiveReceptions& live,
                                     HeldResources& held,
                                     RequestIds& request_ids)
    : executor_(std::move(executor)),
      max_running_(max_running),
      roots_(roots),
      table_(table),
      hub_(hub),
      store_(store),
      live_(live),
      held_(held),
      request_ids_(request_ids),
      gate_(executor_, table, store, request_ids) {}

void ReceptionCreation::Create(v1::CreateReceptionRequest request,
                               std::string creator, Done done) {
  auto creation = std::make_shared<Creation>();
  // A request that makes nothing cannot be one that has made something.
  if (request.validate_only()) request.clear_request_id();
  creation->fingerprint = RequestIds::Fingerprint(request);
  creation->creator = std::move(creator);
  creation->done = std::move(done);
  auto plan = ToReceptionPlan(*request.mutable_reception()->mutable_spec());
  if (!plan.ok()) return creation->done(plan.status());
  creation->request = std::move(request);
  creation->plan = *std::move(plan);
  creation->plan.options.goes_on_later = store_.persistent();
  asio::post(executor_, [this, creation] {
    if (!AnswerWithoutCreating(*creation)) Open(creation);
  });
}

void ReceptionCreation::Open(const std::shared_ptr<Creation>& creation) {
  // The destination is the work's own, as it may go on after the deadline.
  using Opened = std::shared_ptr<dataplane::Destination>;
  auto destination = std::make_shared<dataplane::Destination>(
      std::exchange(creation->plan.options.destination, {}));
  destination->id = absl::StrCat(
      "r", absl::Hex(absl::Uniform<uint64_t>(random_), absl::kZeroPad16));
  const uint64_t length = creation->plan.options.expected_length.value_or(0);
  roots_.Run<Opened>(
      creation->request.reception().spec().destination().root(),
      [destination, length, path = creation->plan.directory](
          const ContentRoot& root) -> absl::StatusOr<Opened> {
        const absl::Status status =
            OpenDestination(root, path, length, *destination);
        if (!status.ok()) return status;
        return destination;
      },
      [this, creation](absl::StatusOr<Opened> opened) {
        asio::post(executor_, [this, creation, opened = std::move(opened)] {
          if (AnswerWithoutCreating(*creation)) return;
          if (absl::IsInvalidArgument(opened.status())) {
            return creation->done(InvalidField("reception.spec.destination",
                                               opened.status().message()));
          }
          if (!opened.ok()) return creation->done(opened.status());
          creation->plan.options.destination = std::move(**opened);
          Keep(creation);
        });
      });
}

bool ReceptionCreation::AnswerWithoutCreating(const Creation& creation) {
  return gate_.AnswerIfKnown(creation.request.request_id(),
                             creation.fingerprint, creation.done);
}

void ReceptionCreation::Keep(const std::shared_ptr<Creation>& creation) {
  const Done& done = creation->done;
  if (live_.size() + making_.size() >= max_running_) {
    return done(Exhausted(v1::ERROR_REASON_TOO_MANY_RECEPTIONS, "receptions",
                          absl::StrCat("the service has ", max_running_,
                                       " receptions that are not finished, as "
                                       "many as it allows; end one, or "
                                       "wait for one")));
  }
  const absl::StatusOr<std::string> name =
      ChooseName(creation->request.reception_id());
  if (!name.ok()) return done(name.status());
  v1::Reception message;
  *message.mutable_spec() =
      std::move(*creation->request.mutable_reception()->mutable_spec());
  message.set_state(v1::RECEPTION_STATE_CONNECTING);
  if (message.spec().has_expected_length()) {
    message.set_content_length(message.spec().expected_length());
  }
  if (creation->request.validate_only()) return done(std::move(message));
  message.set_name(*name);
  message.set_uid(RandomUid(random_));
  message.set_creator(std::move(creation->creator));
  *message.mutable_create_time() = ToTimestamp(absl::Now());
  message.set_etag(NewEtag(message));
  making_.insert(*name);
  const uint64_t number = table_.TakeNumber();
  store_.PutReception(
      message,
      {.number = number, .partial_id = creation->plan.options.destination.id});
  request_ids_.Add({.id = creation->request.request_id(),
                    .time = absl::Now(),
                    .name = *name,
                    .fingerprint = std::move(creation->fingerprint)});
  store_.WhenDurable([this, creation, number, message = std::move(message)](
                         const absl::Status& status) {
    asio::post(executor_, [this, creation, number, message, status] {
      OnStored(*creation, message, number, status);
    });
  });
}

void ReceptionCreation::OnStored(Creation& creation, v1::Reception message,
                                 uint64_t number, absl::Status status) {
  making_.erase(message.name());
  if (status.ok() && !gate_.is_open()) status = gate_.Closed();
  if (!status.ok()) {
    request_ids_.Remove(creation.request.request_id());
    store_.DeleteReception(message.name());
    return creation.done(status);
  }
  table_.Insert(message, number);
  held_.Add();
  held_.PurgeSurplus();
  live_.Begin(message, std::move(creation.plan));
  hub_.WakeAll();
  LogInfo("reception_created", {{"reception", message.name()},
                                {"source", SourceText(message.spec())},
                                {"root", message.spec().destination().root()},
                                {"path", message.spec().destination().path()}});
  creation.done(std::move(message));
}

absl::StatusOr<std::string> ReceptionCreation::ChooseName(
    const std::string& id) {
  if (!id.empty()) {
    std::string name = absl::StrCat("receptions/", id);
    if (IsTaken(name)) {
      return AlreadyExists(v1::ERROR_REASON_ID_TAKEN, kReceptionType, name,
                           absl::StrCat("reception_id: there is a reception \"",
                                        id, "\" already"));
    }
    return name;
  }
  std::string name;
  do {
    name = RandomReceptionName(random_);
  } while (IsTaken(name));
  return name;
}

}  // namespace tcptool::server
