#include "server/fleet/service/distribution_creation.h"

#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/sha256.h"
#include "messages/time.h"
#include "server/api/deterministic.h"
#include "server/api/errors.h"
#include "server/api/names.h"
#include "server/fleet/etcd/transaction.h"
#include "server/fleet/service/distribution_spec.h"
#include "server/fleet/service/etcd_errors.h"
#include "server/fleet/service/fleet_messages.h"
#include "server/fleet/state/values.h"

namespace tcptool::fleet {
namespace {

using etcdserverpb::KeyValue;
using etcdserverpb::TxnRequest;

constexpr int64_t kSecondsRequestsAreKept = 3600;

std::string Fingerprint(const api::CreateDistributionRequest& request) {
  const std::string bytes = server::SerializeDeterministically(request);
  return dataplane::ToHex(
      dataplane::Sha256::Of(std::as_bytes(std::span(bytes))));
}

void GuardAbsent(TxnRequest& request, const std::string& key) {
  GuardCreation(request, key, 0);
  ReadIfRefused(request, key);
}

// Of a transaction that was refused; null: it is not there.
const KeyValue* Find(const etcdserverpb::TxnResponse& response,
                     const std::string& key) {
  for (const etcdserverpb::ResponseOp& one : response.responses()) {
    for (const KeyValue& found : one.response_range().kvs()) {
      if (found.key() == key) return &found;
    }
  }
  return nullptr;
}

absl::Status IdTaken(const std::string& id) {
  return server::AlreadyExists(
      api::ERROR_REASON_ID_TAKEN, server::kDistributionType,
      DistributionName(id),
      absl::StrCat("distribution_id: there is a distribution \"", id,
                   "\" already"));
}

}  // namespace

struct DistributionCreation::Creation {
  std::string given_id;  // Empty: none.
  std::string request_id;
  std::string fingerprint;
  v1::DistributionSpec spec;
  std::string value;  // The spec, as it is written.
  absl::Status room;  // What the last transaction was made by.
  Done done;

  std::string id;
  int64_t lease = 0;
  int tries = 0;
};

void DistributionCreation::Create(const api::CreateDistributionRequest& request,
                                  const std::string& creator, absl::Time now,
                                  Done done) {
  auto spec = ToStored(request.distribution().spec(), node_);
  if (!spec.ok()) return done(spec.status());
  spec->set_request_id(request.request_id());
  spec->set_uid(server::RandomUid(random_));
  spec->set_creator(creator);
  *spec->mutable_create_time() = ToTimestamp(now);
  if (spec->has_expire_after()) {
    *spec->mutable_expire_time() =
        ToTimestamp(now + ToDuration(spec->expire_after()));
  }
  const auto creation = std::make_shared<Creation>();
  creation->given_id = request.distribution_id();
  creation->request_id = request.request_id();
  creation->fingerprint = Fingerprint(request);
  creation->value = server::SerializeDeterministically(*spec);
  creation->spec = *std::move(spec);
  creation->done = std::move(done);
  if (request.validate_only()) return creation->done(Validate(*creation));
  if (!creation->request_id.empty()) return GrantLease(creation);
  Write(creation);
}

absl::StatusOr<api::Distribution> DistributionCreation::Validate(
    const Creation& creation) const {
  if (state_.distributions().contains(creation.given_id)) {
    return IdTaken(creation.given_id);
  }
  if (absl::Status status = CheckRoom(creation); !status.ok()) return status;
  Distribution checked;
  checked.spec = {.value = creation.spec};
  api::Distribution message = ToMessage("", checked, state_.nodes());
  message.clear_name();
  message.clear_uid();
  message.clear_creator();
  message.clear_create_time();
  message.clear_expire_time();
  message.clear_etag();
  return message;
}

void DistributionCreation::GrantLease(const Shared& creation) {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(kSecondsRequestsAreKept);
  etcd_->GrantLease(
      request,
      [this, creation](
          const absl::StatusOr<etcdserverpb::LeaseGrantResponse>& response,
          auto) {
        if (!response.ok()) {
          return creation->done(EtcdErrorForClient(response.status()));
        }
        creation->lease = response->id();
        Write(creation);
      });
}

TxnRequest DistributionCreation::Transaction(const Creation& creation) const {
  TxnRequest request;
  const FleetKeys& keys = state_.keys();
  // With too many there, it only looks whether the request has made one.
  const bool has_room = creation.room.ok();
  if (!creation.request_id.empty()) {
    const std::string key = keys.Request(creation.request_id);
    GuardAbsent(request, key);
    v1::Request made;
    made.set_distribution(creation.id);
    made.set_fingerprint(creation.fingerprint);
    if (has_room) {
      Put(request, key, made.SerializeAsString(), creation.lease);
    }
  }
  if (!has_room) return request;
  GuardAbsent(request, keys.Spec(creation.id));
  Put(request, keys.Spec(creation.id), creation.value);
  return request;
}

absl::Status DistributionCreation::CheckRoom(const Creation& creation) const {
  if (state_.distributions().size() >= kMaxDistributions) {
    return server::Exhausted(
        api::ERROR_REASON_TOO_MANY_DISTRIBUTIONS, "distributions",
        absl::StrCat("the fleet has ", kMaxDistributions,
                     " distributions, as many as it may; delete some"));
  }
  if (!creation.request_id.empty() && state_.requests() >= kMaxRequests) {
    return server::Exhausted(
        api::ERROR_REASON_TOO_MANY_DISTRIBUTIONS, "request ids",
        absl::StrCat("the fleet remembers ", kMaxRequests,
                     " request ids of distributions, as many as it may, each "
                     "for an hour; wait, or create it without a request_id"));
  }
  return absl::OkStatus();
}

void DistributionCreation::Write(const Shared& creation) {
  if (creation->id.empty()) {
    creation->id = creation->given_id.empty()
                       ? DistributionId(server::RandomDistributionName(random_))
                       : creation->given_id;
  }
  creation->room = CheckRoom(*creation);
  etcd_->Txn(Transaction(*creation),
             [this, creation](
                 const absl::StatusOr<etcdserverpb::TxnResponse>& response,
                 auto) { Written(creation, response); });
}

void DistributionCreation::Written(
    const Shared& creation,
    const absl::StatusOr<etcdserverpb::TxnResponse>& response) {
  if (absl::IsUnknown(response.status()) && ++creation->tries < kTries) {
    return Write(creation);
  }
  // Whether the lease has a key is not known then.
  if (absl::IsUnknown(response.status())) {
    return creation->done(EtcdErrorForClient(response.status()));
  }
  if (!response.ok()) {
    return Fail(creation, EtcdErrorForClient(response.status()));
  }
  if (!response->succeeded()) return Refused(creation, *response);
  if (!creation->room.ok()) return Fail(creation, creation->room);
  Answer(creation, creation->id, creation->spec, response->header().revision());
}

void DistributionCreation::Refused(const Shared& creation,
                                   const etcdserverpb::TxnResponse& response) {
  const FleetKeys& keys = state_.keys();
  if (!creation->request_id.empty()) {
    const KeyValue* const request =
        Find(response, keys.Request(creation->request_id));
    if (request != nullptr) return AnswerAgain(creation, *request);
  }
  const KeyValue* const spec = Find(response, keys.Spec(creation->id));
  // By a transaction whose outcome was not known: no other has its create_time.
  if (spec != nullptr && creation->tries > 0 &&
      spec->value() == creation->value) {
    return Answer(creation, creation->id, creation->spec,
                  spec->create_revision());
  }
  if (!creation->given_id.empty()) {
    return Fail(creation, IdTaken(creation->id));
  }
  creation->id.clear();
  Write(creation);
}

void DistributionCreation::AnswerAgain(const Shared& creation,
                                       const KeyValue& request) {
  v1::Request made;
  const bool is_known = made.ParseFromString(request.value());
  const std::string name = DistributionName(made.distribution());
  if (!is_known || made.fingerprint() != creation->fingerprint) {
    return Fail(
        creation,
        server::AlreadyExists(
            api::ERROR_REASON_REQUEST_ID_REUSED, server::kDistributionType,
            name,
            absl::StrCat("request_id: \"", creation->request_id,
                         "\" came with another request before, which made ",
                         name, "; choose a new id for each request")));
  }
  etcdserverpb::RangeRequest range;
  range.set_key(state_.keys().Spec(made.distribution()));
  etcd_->Range(
      range,
      [this, creation, id = made.distribution(), name,
       create_revision = request.create_revision()](
          const absl::StatusOr<etcdserverpb::RangeResponse>& response, auto) {
        if (!response.ok()) {
          return Fail(creation, EtcdErrorForClient(response.status()));
        }
        v1::DistributionSpec spec;
        if (response->kvs().empty() ||
            response->kvs(0).create_revision() != create_revision ||
            !ParseValue(response->kvs(0).value(), spec)) {
          return Fail(
              creation,
              server::NotFound(
                  api::ERROR_REASON_RESOURCE_DELETED, server::kDistributionType,
                  name,
                  absl::StrCat("request_id: \"", creation->request_id,
                               "\" has made ", name,
                               ", which was deleted since; choose a new "
                               "id for another request")));
        }
        // The lease of this try has no key, unless it has made it itself.
        Answer(creation, id, spec, create_revision);
      });
}

void DistributionCreation::Answer(const Shared& creation, const std::string& id,
                                  const v1::DistributionSpec& spec,
                                  int64_t create_revision) {
  seen_.When(create_revision, [this, creation, id, spec, create_revision] {
    const auto found = state_.distributions().find(id);
    if (found != state_.distributions().end() && found->second.spec &&
        found->second.spec->create_revision == create_revision) {
      return creation->done(ToMessage(id, found->second, state_.nodes()));
    }
    Distribution made;
    made.spec = {.value = spec,
                 .create_revision = create_revision,
                 .mod_revision = create_revision};
    creation->done(ToMessage(id, made, state_.nodes()));
  });
}

void DistributionCreation::Fail(const Shared& creation,
                                const absl::Status& status) {
  if (creation->lease != 0 && creation->tries == 0) {
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(creation->lease);
    etcd_->RevokeLease(request, [](const auto&, auto) {});
  }
  creation->done(status);
}

}  // namespace tcptool::fleet
