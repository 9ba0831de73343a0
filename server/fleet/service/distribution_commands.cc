#include "server/fleet/service/distribution_commands.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "messages/distribution_states.h"
#include "server/api/errors.h"
#include "server/api/etag.h"
#include "server/fleet/service/distribution_table.h"
#include "server/fleet/service/etcd_errors.h"
#include "server/fleet/service/fleet_messages.h"

namespace tcptool::fleet {

void DistributionCommands::Run(Command command) {
  Step(std::make_shared<Command>(std::move(command)));
}

void DistributionCommands::Step(const Shared& command) {
  const auto found = state_.distributions().find(command->id);
  if (found == state_.distributions().end() || !found->second.spec) {
    // Perhaps by this command.
    if (command->deletes && command->is_unknown) return command->done({});
    return command->done(NoSuchDistribution(DistributionName(command->id)));
  }
  // A step whose outcome was not known may have changed the state itself.
  if (!command->is_unknown) {
    const absl::Status status = CheckEtag(*command, found->second);
    if (!status.ok()) return command->done(status);
  }
  auto step = command->step(found->second);
  if (!step.ok()) return command->done(step.status());
  if (!step->has_value()) return command->done({});
  Write(command, **std::move(step));
}

absl::Status DistributionCommands::CheckEtag(
    const Command& command, const Distribution& distribution) const {
  if (command.etag.empty() || command.etag == EtagOf(distribution)) {
    return absl::OkStatus();
  }
  return server::EtagMismatch(
      DistributionName(command.id),
      absl::StrCat("it is ", StateName(StateOf(distribution))));
}

void DistributionCommands::Write(const Shared& command, DistributionStep step) {
  etcd_->Txn(
      step.request,
      [this, command, has_next = step.has_next](
          const absl::StatusOr<etcdserverpb::TxnResponse>& response, auto) {
        if (!response.ok()) return Failed(command, response.status());
        const int64_t revision = response->header().revision();
        if (!response->succeeded()) {
          if (++command->tries < kTries) {
            return StepAgain(command, revision);
          }
          return command->done(
              server::WithReason(absl::AbortedError(absl::StrCat(
                                     DistributionName(command->id),
                                     " changes all the time; try again")),
                                 api::ERROR_REASON_CONCURRENT_CHANGES));
        }
        if (has_next) return StepAgain(command, revision);
        seen_.When(revision, [command] { command->done({}); });
      });
}

void DistributionCommands::Failed(const Shared& command,
                                  const absl::Status& status) {
  if (!absl::IsUnknown(status) || ++command->tries == kTries) {
    return command->done(EtcdErrorForClient(status));
  }
  command->is_unknown = true;
  StepAfterRead(command);
}

void DistributionCommands::StepAfterRead(const Shared& command) {
  etcdserverpb::RangeRequest request;
  request.set_key(state_.keys().Spec(command->id));
  etcd_->Range(
      request,
      [this, command](
          const absl::StatusOr<etcdserverpb::RangeResponse>& response, auto) {
        if (!response.ok()) {
          return command->done(EtcdErrorForClient(response.status()));
        }
        StepAgain(command, response->header().revision());
      });
}

void DistributionCommands::StepAgain(const Shared& command, int64_t revision) {
  seen_.When(revision, [this, command] { Step(command); });
}

}  // namespace tcptool::fleet
