#include "client/tcptoolctl/reception_commands.h"

#include <iostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/tcptoolctl/json.h"
#include "client/tcptoolctl/reception_view.h"
#include "client/tcptoolctl/render.h"

namespace tcptool {

bool IsReception(const std::string& name) {
  return absl::StartsWith(name, "receptions/");
}

absl::Status PrintReception(const absl::StatusOr<v1::Reception>& reception,
                            const Options& options) {
  if (!reception.ok()) return reception.status();
  std::cout << (IsJson(options) ? Json(*reception) + "\n"
                                : ReceptionDetails(*reception));
  return absl::OkStatus();
}

absl::Status WatchReception(Client& client, const std::string& name,
                            const Options& options) {
  v1::WatchReceptionsRequest request;
  request.add_names(name);
  ReceptionView view(StyleOf(options), std::cout);
  const absl::Status status = client.WatchReceptions(
      request, [&view](const v1::WatchReceptionsResponse& response) {
        return view.Update(response, ReceptionView::Clock::now());
      });
  if (!status.ok()) return status;
  const absl::StatusOr<v1::Reception> reception = view.Result();
  if (!reception.ok()) return reception.status();
  if (reception->state() == v1::RECEPTION_STATE_SUCCEEDED) {
    return absl::OkStatus();
  }
  return absl::AbortedError(
      absl::StrCat(name, " ended as ", StateAndReason(*reception)));
}

absl::Status Receive(Client& client, const Options& options) {
  const absl::StatusOr<v1::Reception> reception =
      client.CreateReception(options.receive.request);
  if (!reception.ok()) return reception.status();
  if (options.receive.request.validate_only()) {
    return PrintReception(reception, options);
  }
  if (IsJson(options)) {
    std::cout << Json(*reception) << std::endl;
  } else {
    // Flushed: a script that reads it then starts the sender.
    std::cout << "reception: " << reception->name() << std::endl;
  }
  if (!options.receive.watch) return absl::OkStatus();
  return WatchReception(client, reception->name(), options);
}

absl::Status Receptions(Client& client, const Options& options) {
  const auto receptions =
      client.ListReceptions(ReceptionsRequest(options.list));
  if (!receptions.ok()) return receptions.status();
  if (IsJson(options)) {
    v1::ListReceptionsResponse list;
    list.mutable_receptions()->Assign(receptions->begin(), receptions->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << ReceptionTable(*receptions, absl::Now());
  }
  return absl::OkStatus();
}

}  // namespace tcptool
