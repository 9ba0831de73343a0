#include "client/tcptoolctl/list_flags.h"

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/tcptoolctl/flag_values.h"
#include "client/tcptoolctl/reception_commands.h"

namespace tcptool {
namespace {

// `began`: what --since is about without --failed, "created".
void AddTimes(CLI::App& command, ListFlags& flags, const std::string& began,
              const std::string& failed) {
  AddMoment(command, "--since",
            absl::StrCat("Only those that were ", began,
                         " since then: 90m is so long ago; or\n"
                         "2030-01-31T12:00:00Z; with --failed: that ended"),
            [&flags] { return flags.time.mutable_since(); });
  AddMoment(command, "--until", "The same, before then",
            [&flags] { return flags.time.mutable_until(); });
  command.add_flag("--failed", flags.failed, failed);
}

// --failed stands for some states itself: there is one of the two.
template <typename Request>
void AddState(CLI::App& command, const google::protobuf::EnumDescriptor* states,
              const std::string& prefix, Request* request) {
  AddEnums(command, "--state", states, prefix, "Only those in this state",
           [request](int state) { request->mutable_states()->Add(state); })
      ->excludes("--failed");
}

template <typename Map>
void AddWantedLabels(CLI::App& command, Map* labels) {
  AddLabels(command, "Only those with this label", [labels](const Pair& label) {
    (*labels)[label.first] = label.second;
  });
}

void AddNamePrefix(CLI::App& command, std::string* prefix) {
  command
      .add_option("--name-prefix", *prefix,
                  "Only those whose ID begins with this")
      ->type_name("PREFIX");
}

// `source` gives the filter's source; `file`: what --source names, and `form`
// how. Returns the group, of whose flags there may be one.
template <typename Source>
CLI::Option_group& AddSourceGroup(CLI::App& command, Source source,
                                  const std::string& file,
                                  const std::string& form) {
  CLI::Option_group& sources =
      *command.add_option_group("Source", "Those of this source alone");
  sources.require_option(0, 1);
  sources
      .add_option_function<std::string>(
          "--source",
          [source](const std::string& text) { source()->set_file(text); }, file)
      ->type_name(form);
  sources.add_flag_callback(
      "--upload", [source] { source()->set_upload(true); },
      "Only those of uploads");
  return sources;
}

void AddSources(CLI::App& command, v1::ListSessionsRequest* request) {
  const auto source = [request] {
    return request->mutable_session_filter()->mutable_source();
  };
  AddSourceGroup(command, source,
                 "Only those of this file, or of files below it", "ROOT[/PATH]")
      .add_option_function<std::string>(
          "--reception",
          [source](const std::string& name) {
            source()->set_reception(
                IsReception(name) ? name : absl::StrCat("receptions/", name));
          },
          "Only those of this reception; - is any")
      ->type_name("ID");
}

bool HasTime(const ListFlags& flags) {
  return flags.time.has_since() || flags.time.has_until();
}

template <typename Request>
void AddStates(const ListFlags& flags, std::initializer_list<int> failed,
               Request& request) {
  if (!flags.failed) return;
  for (const int state : failed) request.mutable_states()->Add(state);
}

template <typename Filter>
void SetTime(const ListFlags& flags, Filter* filter) {
  *(flags.failed ? filter->mutable_end_time() : filter->mutable_create_time()) =
      flags.time;
}

}  // namespace

void AddSessionListFlags(CLI::App& command, ListFlags& flags) {
  v1::ListSessionsRequest* request = &flags.sessions;
  AddTimes(command, flags, "created",
           "Only those that ended without everybody's having the content,\n"
           "unless they were cancelled");
  AddState(command, v1::SessionState_descriptor(), "SESSION_STATE_", request);
  AddWantedLabels(command, request->mutable_labels());
  AddNamePrefix(command,
                request->mutable_session_filter()->mutable_name_prefix());
  AddSources(command, request);
}

void AddRecipientListFlags(CLI::App& command, ListFlags& flags) {
  v1::ListRecipientsRequest* request = &flags.recipients;
  AddTimes(command, flags, "connected",
           "Only those that FAILED, or were REJECTED or DROPPED");
  AddState(command, v1::RecipientState_descriptor(), "RECIPIENT_STATE_",
           request);
  AddEnums(
      command, "--reason", v1::RecipientReason_descriptor(),
      "RECIPIENT_REASON_", "Only those that FAILED for this reason",
      [request](int reason) {
        request->mutable_recipient_filter()->mutable_reasons()->Add(reason);
      });
  AddList(command, "--address", "ADDR[/LENGTH]",
          "Only those with this address, or of this network",
          [request](const std::string& address) {
            request->mutable_recipient_filter()->add_addresses(address);
          });
  AddList(command, "--identity", "IDENTITY",
          "Only those with this identity, of their certificates",
          [request](const std::string& identity) {
            request->mutable_recipient_filter()->add_identities(identity);
          });
  AddList(command, "--label", "LABEL", "Only those with this label",
          [request](const std::string& label) { request->add_labels(label); });
}

void AddReceptionListFlags(CLI::App& command, ListFlags& flags) {
  v1::ListReceptionsRequest* request = &flags.receptions;
  AddTimes(command, flags, "created",
           "Only those that FAILED or were INTERRUPTED");
  AddState(command, v1::ReceptionState_descriptor(), "RECEPTION_STATE_",
           request);
  AddEnums(
      command, "--reason", v1::ReceptionReason_descriptor(),
      "RECEPTION_REASON_", "Only those that FAILED for this reason",
      [request](int reason) {
        request->mutable_reception_filter()->mutable_reasons()->Add(reason);
      });
  AddWantedLabels(command, request->mutable_labels());
  AddNamePrefix(command,
                request->mutable_reception_filter()->mutable_name_prefix());
  command
      .add_option("--destination",
                  *request->mutable_reception_filter()->mutable_destination(),
                  "Only those into this file, or into files below it")
      ->type_name("ROOT[/PATH]");
}

void AddDistributionListFlags(CLI::App& command, ListFlags& flags) {
  v1::ListDistributionsRequest* request = &flags.distributions;
  AddTimes(command, flags, "created",
           "Only those that ended without every target's having the content,\n"
           "unless they were cancelled");
  AddState(command, v1::DistributionState_descriptor(), "DISTRIBUTION_STATE_",
           request);
  AddWantedLabels(command, request->mutable_labels());
  AddNamePrefix(command,
                request->mutable_distribution_filter()->mutable_name_prefix());
  AddSourceGroup(
      command,
      [request] {
        return request->mutable_distribution_filter()->mutable_source();
      },
      "Only those of this file, of files below it, or of this node's",
      "NODE[:ROOT[/PATH]]");
}

void AddNodeListFlags(CLI::App& command, ListFlags& flags) {
  AddList(command, "--rack", "RACK", "Only those of this rack",
          [&flags](const std::string& rack) { flags.nodes.add_racks(rack); });
  AddWantedLabels(command, flags.nodes.mutable_labels());
}

v1::ListSessionsRequest SessionsRequest(const ListFlags& flags) {
  v1::ListSessionsRequest request = flags.sessions;
  AddStates(flags,
            {v1::SESSION_STATE_PARTIALLY_SUCCEEDED, v1::SESSION_STATE_FAILED,
             v1::SESSION_STATE_EXPIRED, v1::SESSION_STATE_INTERRUPTED},
            request);
  if (HasTime(flags)) SetTime(flags, request.mutable_session_filter());
  return request;
}

v1::ListRecipientsRequest RecipientsRequest(const ListFlags& flags) {
  v1::ListRecipientsRequest request = flags.recipients;
  AddStates(flags,
            {v1::RECIPIENT_STATE_FAILED, v1::RECIPIENT_STATE_REJECTED,
             v1::RECIPIENT_STATE_DROPPED},
            request);
  if (!HasTime(flags)) return request;
  v1::RecipientFilter* filter = request.mutable_recipient_filter();
  *(flags.failed ? filter->mutable_end_time()
                 : filter->mutable_connect_time()) = flags.time;
  return request;
}

v1::ListReceptionsRequest ReceptionsRequest(const ListFlags& flags) {
  v1::ListReceptionsRequest request = flags.receptions;
  AddStates(flags,
            {v1::RECEPTION_STATE_FAILED, v1::RECEPTION_STATE_INTERRUPTED},
            request);
  if (HasTime(flags)) SetTime(flags, request.mutable_reception_filter());
  return request;
}

v1::ListDistributionsRequest DistributionsRequest(const ListFlags& flags) {
  v1::ListDistributionsRequest request = flags.distributions;
  AddStates(flags,
            {v1::DISTRIBUTION_STATE_PARTIALLY_SUCCEEDED,
             v1::DISTRIBUTION_STATE_FAILED, v1::DISTRIBUTION_STATE_EXPIRED},
            request);
  if (HasTime(flags)) SetTime(flags, request.mutable_distribution_filter());
  return request;
}

}  // namespace tcptool
