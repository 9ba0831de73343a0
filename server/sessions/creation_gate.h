// What every request that is to create something goes through first.
#ifndef TCPTOOL_SERVER_SESSIONS_CREATION_GATE_H_
#define TCPTOOL_SERVER_SESSIONS_CREATION_GATE_H_

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/api/errors.h"
#include "server/sessions/request_ids.h"
#include "server/store/store.h"

namespace tcptool::server {

// `Table` has the resources: SessionTable, or ReceptionTable. Methods are for
// the thread of the executor, where callbacks are called, unless they say
// otherwise.
template <typename Table, typename Resource>
class CreationGate {
 public:
  using Done = std::function<void(absl::StatusOr<Resource>)>;

  // The references outlive it.
  CreationGate(asio::any_io_executor executor, const Table& table, Store& store,
               RequestIds& request_ids)
      : executor_(std::move(executor)),
        table_(table),
        store_(store),
        request_ids_(request_ids) {}

  // From now on, requests are refused with UNAVAILABLE. Any thread.
  void Close() { is_open_ = false; }
  bool is_open() const { return is_open_; }  // Any thread.
  static absl::Status Closed() {
    return Unavailable(v1::ERROR_REASON_SERVICE_STOPPING,
                       "the service is stopping; try again when it is back");
  }

  // Answers a request that is to create nothing: the service stops, or its id
  // has created something before. False: continue.
  bool AnswerIfKnown(const std::string& id, const std::string& fingerprint,
                     const Done& done) {
    if (!is_open_) {
      done(Closed());
      return true;
    }
    request_ids_.ForgetOld(RequestIds::Clock::now());
    const auto made = request_ids_.Find(id, fingerprint);
    if (!made.ok()) {
      done(made.status());
      return true;
    }
    if (!*made) return false;
    AnswerRetry(id, fingerprint, done);
    return true;
  }

 private:
  // Answers with what the id has created.
  void AnswerRetry(const std::string& id, const std::string& fingerprint,
                   const Done& done) {
    // The first call may still wait for the disk; by the time it ends, what it
    // has created may have been deleted, or it may have failed.
    store_.WhenDurable(
        [this, id, fingerprint, done](const absl::Status& status) {
          asio::post(executor_, [this, id, fingerprint, done, status] {
            if (!status.ok()) return done(status);
            const auto made = request_ids_.Find(id, fingerprint);
            if (!made.ok()) return done(made.status());
            if (!*made) {
              return done(Unavailable(
                  v1::ERROR_REASON_FIRST_CALL_FAILED,
                  absl::StrCat("request_id: the first call with \"", id,
                               "\" has failed meanwhile; try again")));
            }
            done(table_.Get(**made));
          });
        });
  }

  const asio::any_io_executor executor_;
  const Table& table_;
  Store& store_;
  RequestIds& request_ids_;
  std::atomic<bool> is_open_ = true;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_CREATION_GATE_H_
