// Creates receptions.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEPTION_CREATION_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEPTION_CREATION_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "server/api/reception_spec.h"
#include "server/receptions/live_receptions.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/creation_gate.h"
#include "server/sessions/held_resources.h"
#include "server/sessions/request_ids.h"
#include "server/store/store.h"
#include "server/watch/reception_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/reception_service.pb.h"

namespace tcptool::server {

// A request goes through these steps:
//
//   any thread        its spec is checked
//   control thread    a request id that has created a reception is answered
//   a root's thread   the destination is looked at; has a deadline
//   control thread    the request id is checked again; then the reception has a
//                     name, which nobody sees yet, and goes to the store
//   control thread    once it is durable: it is shown, and begins; the answer
//
// It begins only then, since to connect to a sender of 2008 is to use up what
// it has.
//
// The control thread is that of `executor`, where callbacks are called. Methods
// are for this thread, unless they say otherwise.
class ReceptionCreation {
 public:
  using Done = CreationGate<ReceptionTable, v1::Reception>::Done;

  // The references outlive it.
  ReceptionCreation(asio::any_io_executor executor, size_t max_running,
                    const ContentRoots& roots, ReceptionTable& table,
                    WatchHub& hub, Store& store, LiveReceptions& live,
                    HeldResources& held, RequestIds& request_ids);

  // As ReceptionService.CreateReception. `creator`: Reception.creator. Any
  // thread.
  void Create(v1::CreateReceptionRequest request, std::string creator,
              Done done);

  // From now on, requests are refused with UNAVAILABLE. Any thread.
  void StopAccepting() { gate_.Close(); }

 private:
  // A request on its way.
  struct Creation {
    v1::CreateReceptionRequest request;  // With the spec's defaults.
    std::string fingerprint;             // Of the request as it came.
    std::string creator;                 // Reception.creator.
    ReceptionPlan plan;
    Done done;
  };

  void Open(const std::shared_ptr<Creation>& creation);
  // Answers a request that is to create no reception: the service stops, or its
  // id has created one before. False: continue.
  bool AnswerWithoutCreating(const Creation& creation);
  // The destination is open.
  void Keep(const std::shared_ptr<Creation>& creation);
  void OnStored(Creation& creation, v1::Reception message, uint64_t number,
                absl::Status status);
  absl::StatusOr<std::string> ChooseName(const std::string& id);
  bool IsTaken(const std::string& name) const {
    return table_.contains(name) || making_.contains(name);
  }

  const asio::any_io_executor executor_;
  const size_t max_running_;
  const ContentRoots& roots_;
  ReceptionTable& table_;
  WatchHub& hub_;
  Store& store_;
  LiveReceptions& live_;
  HeldResources& held_;
  RequestIds& request_ids_;
  absl::BitGen random_;
  // The names of those that wait for the store.
  absl::flat_hash_set<std::string> making_;
  CreationGate<ReceptionTable, v1::Reception> gate_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEPTION_CREATION_H_
