#include "server/api/request_checks.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/api/filter_checks.h"
#include "server/api/invalid_field.h"
#include "server/api/names.h"
#include "server/api/page_token.h"
#include "server/api/spec_checker.h"
#include "server/api/update_fields.h"

namespace tcptool::server {
namespace {

constexpr size_t kMaxRequestIdBytes = 64;
constexpr int kMaxNames = 1000;
constexpr int kMaxRacks = 1000;

template <typename States>
void AddStates(const States& states, bool (*is_valid)(int),
               InvalidFields& wrong) {
  for (int i = 0; i < states.size() && !wrong.full(); ++i) {
    if (states.Get(i) == 0 || !is_valid(states.Get(i))) {
      wrong.Add(absl::StrCat("states[", i, "]"),
                absl::StrCat(states.Get(i), " is no state"));
    }
  }
}

void AddView(v1::View view, InvalidFields& wrong) {
  if (!v1::View_IsValid(view)) {
    wrong.Add("view", absl::StrCat(static_cast<int>(view), " is no view"));
  }
}

// `Request`: of a list with states and a filter, and maybe a view.
template <typename Request, typename Filter>
void CheckList(const Request& request, const Filter& filter,
               bool (*is_state)(int), InvalidFields& wrong) {
  AddStates(request.states(), is_state, wrong);
  if constexpr (requires { request.view(); }) AddView(request.view(), wrong);
  CheckFilter(filter, wrong);
  wrong.AddOf(Page::Of(request).status());
}

// `kind`: "session", whose names are as `form`.
std::string NoName(const std::string& name, absl::string_view kind,
                   absl::string_view form) {
  return absl::StrCat("\"", name, "\" is no ", kind, "'s name; they look like ",
                      form);
}

// `kind`: "session", whose names are sessions/ID.
void AddWrongName(absl::string_view path, const std::string& name,
                  absl::string_view kind, InvalidFields& wrong) {
  wrong.Add(path, NoName(name, kind, absl::StrCat(kind, "s/ID")));
}

// Of a field `name`.
absl::Status CheckRecipientName(const std::string& name) {
  if (RecipientNumber(name)) return absl::OkStatus();
  return InvalidField(
      "name", NoName(name, "recipient", "sessions/ID/recipients/NUMBER"));
}

void AddSessionName(absl::string_view path, const std::string& name,
                    InvalidFields& wrong) {
  if (!IsSessionName(name)) AddWrongName(path, name, "session", wrong);
}

void AddReceptionName(absl::string_view path, const std::string& name,
                      InvalidFields& wrong) {
  if (!IsReceptionName(name)) AddWrongName(path, name, "reception", wrong);
}

void AddDistributionName(absl::string_view path, const std::string& name,
                         InvalidFields& wrong) {
  if (!IsDistributionName(name)) {
    AddWrongName(path, name, "distribution", wrong);
  }
}

absl::Status CheckReceptionName(absl::string_view path,
                                const std::string& name) {
  InvalidFields wrong;
  AddReceptionName(path, name, wrong);
  return wrong.status();
}

// May be empty.
void AddRequestId(const std::string& request_id, InvalidFields& wrong) {
  if (request_id.size() > kMaxRequestIdBytes ||
      !std::ranges::all_of(request_id, absl::ascii_isprint)) {
    wrong.Add("request_id", "it is not at most 64 printable ASCII characters");
  }
}

// Both may be empty. `path`: of the id.
void CheckIds(absl::string_view path, const std::string& id,
              const std::string& request_id, InvalidFields& wrong) {
  if (!id.empty() && !IsResourceId(id)) {
    wrong.Add(path, absl::StrCat(
                        "\"", id,
                        "\" is not 1 to 63 characters of a-z, 0-9 and '-', the "
                        "first a letter, the last no '-'"));
  }
  AddRequestId(request_id, wrong);
}

// `check_name`: AddSessionName() and the like.
template <typename Request, typename Filter>
void CheckWatch(const Request& request, const Filter& filter,
                void (*check_name)(absl::string_view path,
                                   const std::string& name,
                                   InvalidFields& wrong),
                InvalidFields& wrong) {
  if (request.names_size() > kMaxNames) {
    wrong.Add("names", absl::StrCat("there are more than ", kMaxNames));
  }
  for (int i = 0; i < std::min(request.names_size(), kMaxNames); ++i) {
    check_name(absl::StrCat("names[", i, "]"), request.names(i), wrong);
  }
  if (request.resume_revision() < 0) {
    wrong.Add("resume_revision", "it is negative");
  }
  if constexpr (requires { request.view(); }) AddView(request.view(), wrong);
  CheckFilter(filter, wrong);
}

// Of a file or a directory; an empty path is the root's own.
template <typename Request>
void CheckPath(const Request& request, InvalidFields& wrong) {
  if (request.root().empty()) wrong.Add("root", "it is empty");
  if (request.path().size() > SpecChecker::kMaxPathBytes) {
    wrong.Add("path", absl::StrCat("it is longer than ",
                                   SpecChecker::kMaxPathBytes, " bytes"));
  }
  if (request.path().find('\0') != std::string::npos) {
    wrong.Add("path", "it has a NUL in it");
  }
}

}  // namespace

absl::Status CheckSessionName(absl::string_view path, const std::string& name) {
  InvalidFields wrong;
  AddSessionName(path, name, wrong);
  return wrong.status();
}

absl::Status CheckDistributionName(absl::string_view path,
                                   const std::string& name) {
  InvalidFields wrong;
  AddDistributionName(path, name, wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::CreateSessionRequest& request) {
  InvalidFields wrong;
  CheckIds("session_id", request.session_id(), request.request_id(), wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::GetSessionRequest& request) {
  InvalidFields wrong;
  AddSessionName("name", request.name(), wrong);
  AddView(request.view(), wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::ListSessionsRequest& request) {
  InvalidFields wrong;
  CheckList(request, request.session_filter(), v1::SessionState_IsValid, wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::WatchSessionsRequest& request) {
  InvalidFields wrong;
  CheckWatch(request, request.session_filter(), AddSessionName, wrong);
  if (request.has_recipient_filter() && !request.include_recipients()) {
    wrong.Add("recipient_filter", "it is of no use without include_recipients");
  }
  CheckFilter(request.recipient_filter(), wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::WaitSessionRequest& request) {
  SpecChecker check("");
  check.InRange("timeout", request.timeout(), absl::ZeroDuration(),
                absl::InfiniteDuration());
  return BothChecks(CheckSessionName("name", request.name()), check.status());
}

absl::Status CheckRequest(const v1::StartSessionRequest& request) {
  return CheckSessionName("name", request.name());
}

absl::Status CheckRequest(const v1::CancelSessionRequest& request) {
  return CheckSessionName("name", request.name());
}

absl::Status CheckRequest(const v1::DeleteSessionRequest& request) {
  return CheckSessionName("name", request.name());
}

absl::Status CheckRequest(const v1::RetrySessionRequest& request) {
  InvalidFields wrong;
  AddSessionName("name", request.name(), wrong);
  AddRequestId(request.request_id(), wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::UpdateSessionRequest& request) {
  InvalidFields wrong;
  AddSessionName("session.name", request.session().name(), wrong);
  UpdateFieldsOf(request, wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::ListRecipientsRequest& request) {
  InvalidFields wrong;
  AddSessionName("parent", request.parent(), wrong);
  CheckList(request, request.recipient_filter(), v1::RecipientState_IsValid,
            wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::GetRecipientRequest& request) {
  return CheckRecipientName(request.name());
}

absl::Status CheckRequest(const v1::DropRecipientRequest& request) {
  return CheckRecipientName(request.name());
}

absl::Status CheckRequest(const v1::CreateReceptionRequest& request) {
  InvalidFields wrong;
  CheckIds("reception_id", request.reception_id(), request.request_id(), wrong);
  if (request.reception().spec().has_upload()) {
    wrong.Add("reception.spec.upload",
              "only distributions make receptions of uploads; create a "
              "distribution whose source is one");
  }
  return wrong.status();
}

absl::Status CheckRequest(const v1::GetReceptionRequest& request) {
  InvalidFields wrong;
  AddReceptionName("name", request.name(), wrong);
  AddView(request.view(), wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::ListReceptionsRequest& request) {
  InvalidFields wrong;
  CheckList(request, request.reception_filter(), v1::ReceptionState_IsValid,
            wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::WatchReceptionsRequest& request) {
  InvalidFields wrong;
  CheckWatch(request, request.reception_filter(), AddReceptionName, wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::CancelReceptionRequest& request) {
  return CheckReceptionName("name", request.name());
}

absl::Status CheckRequest(const v1::DeleteReceptionRequest& request) {
  return CheckReceptionName("name", request.name());
}

absl::Status CheckRequest(const v1::CreateDistributionRequest& request) {
  InvalidFields wrong;
  CheckIds("distribution_id", request.distribution_id(), request.request_id(),
           wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::GetDistributionRequest& request) {
  InvalidFields wrong;
  AddDistributionName("name", request.name(), wrong);
  AddView(request.view(), wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::ListDistributionsRequest& request) {
  InvalidFields wrong;
  CheckList(request, request.distribution_filter(),
            v1::DistributionState_IsValid, wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::WatchDistributionsRequest& request) {
  InvalidFields wrong;
  CheckWatch(request, request.distribution_filter(), AddDistributionName,
             wrong);
  return wrong.status();
}

absl::Status CheckRequest(const v1::CancelDistributionRequest& request) {
  return CheckDistributionName("name", request.name());
}

absl::Status CheckRequest(const v1::DeleteDistributionRequest& request) {
  return CheckDistributionName("name", request.name());
}

absl::Status CheckRequest(const v1::RetryDistributionRequest& request) {
  return CheckDistributionName("name", request.name());
}

absl::Status CheckRequest(const v1::GetDeliveryRequest& request) {
  if (ParseDeliveryName(request.name())) return absl::OkStatus();
  return InvalidField("name", NoName(request.name(), "delivery",
                                     "distributions/ID/deliveries/NODE"));
}

absl::Status CheckRequest(const v1::ListDeliveriesRequest& request) {
  InvalidFields wrong;
  AddDistributionName("parent", request.parent(), wrong);
  AddStates(request.states(), v1::DeliveryState_IsValid, wrong);
  wrong.AddOf(NamePage::Of(request).status());
  return wrong.status();
}

absl::Status CheckRequest(const v1::GetFleetNodeRequest& request) {
  if (ParseFleetNodeName(request.name())) return absl::OkStatus();
  return InvalidField("name", NoName(request.name(), "node", "nodes/NODE"));
}

absl::Status CheckRequest(const v1::ListNodesRequest& request) {
  InvalidFields wrong;
  if (request.racks_size() > kMaxRacks) {
    wrong.Add("racks", absl::StrCat("there are more than ", kMaxRacks));
  }
  wrong.AddOf(NamePage::Of(request).status());
  return wrong.status();
}

absl::Status CheckRequest(const v1::ListFilesRequest& request) {
  InvalidFields wrong;
  CheckPath(request, wrong);
  wrong.AddOf(NamePage::Of(request).status());
  return wrong.status();
}

absl::Status CheckRequest(const v1::StatFileRequest& request) {
  InvalidFields wrong;
  CheckPath(request, wrong);
  return wrong.status();
}

}  // namespace tcptool::server
