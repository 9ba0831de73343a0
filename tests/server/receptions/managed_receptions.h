// What the tests of receptions share: a manager with all that it needs, real
// sockets and files, and a state that can be opened again.
#ifndef TCPTOOL_TESTS_SERVER_RECEPTIONS_MANAGED_RECEPTIONS_H_
#define TCPTOOL_TESTS_SERVER_RECEPTIONS_MANAGED_RECEPTIONS_H_

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "messages/states.h"
#include "server/receptions/reception_manager.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::server {

using dataplane::Content;
using dataplane::Folder;
using dataplane::ScriptedSender;

// The root "disk" is an empty folder.
class ManagedReceptions : public testing::Test {
 protected:
  // `deadline`: see ContentRoots.
  explicit ManagedReceptions(absl::Duration deadline = ContentRoots::kDeadline)
      : roots_(deadline, ChooseBeneathMethod(), "--receive") {
    EXPECT_TRUE(
        roots_.Add(absl::StrCat("disk=", folder_.path("").string())).ok());
    Start();
  }
  ~ManagedReceptions() override { Stop(); }

  void Start(const ReceptionManager::Options& options = {},
             dataplane::FileApi& files = dataplane::FileApi::Real()) {
    Stop();
    store_ = *Store::Open(state_.path("state.db"),
                          [](const char*, absl::Duration, bool) {});
    Store::Contents contents = *store_->Load();
    engine_ = std::make_unique<dataplane::Engine>(
        dataplane::EngineOptions{.lanes = 2, .files = &files});
    table_.emplace(contents.first_revision);
    manager_.emplace(options, *engine_, roots_, *table_, hub_, *store_);
    manager_->Restore(contents);
  }
  void Stop() {
    manager_.reset();
    engine_.reset();
    store_.reset();
  }

  static v1::CreateReceptionRequest RequestOf(const ScriptedSender& sender,
                                              const std::string& path) {
    v1::CreateReceptionRequest request;
    v1::ReceptionSpec& spec = *request.mutable_reception()->mutable_spec();
    spec.mutable_sender()->set_address(
        absl::StrCat("127.0.0.1:", sender.port()));
    spec.mutable_destination()->set_root("disk");
    spec.mutable_destination()->set_path(path);
    return request;
  }

  absl::StatusOr<v1::Reception> Create(
      const v1::CreateReceptionRequest& request) {
    return Wait<absl::StatusOr<v1::Reception>>(
        [&](auto done) { manager_->Create(request, "", done); });
  }
  absl::StatusOr<v1::Reception> Cancel(const std::string& name,
                                       const std::string& etag = "") {
    v1::CancelReceptionRequest request;
    request.set_name(name);
    request.set_etag(etag);
    return Wait<absl::StatusOr<v1::Reception>>(
        [&](auto done) { manager_->Cancel(request, done); });
  }
  absl::Status Delete(const std::string& name, bool force = false,
                      const std::string& etag = "") {
    v1::DeleteReceptionRequest request;
    request.set_name(name);
    request.set_force(force);
    request.set_etag(etag);
    return Wait<absl::Status>(
        [&](auto done) { manager_->Delete(request, done); });
  }

  // The reception once this holds; the test has failed if it does not in time.
  v1::Reception WaitFor(
      const std::string& name,
      const std::function<bool(const v1::Reception&)>& holds) {
    const absl::Time end = absl::Now() + dataplane::kDeadline;
    while (true) {
      const auto reception = table_->Get(name);
      if (reception.ok() && holds(*reception)) return *reception;
      if (absl::Now() > end) {
        ADD_FAILURE() << name << " did not come there: "
                      << (reception.ok() ? reception->ShortDebugString()
                                         : reception.status().ToString());
        return {};
      }
      absl::SleepFor(absl::Milliseconds(2));
    }
  }
  v1::Reception WaitForState(const std::string& name,
                             v1::ReceptionState state) {
    return WaitFor(name, [state](const v1::Reception& reception) {
      return reception.state() == state;
    });
  }
  v1::Reception WaitForEnd(const std::string& name) {
    return WaitFor(name, [](const v1::Reception& reception) {
      return IsFinal(reception.state());
    });
  }
  // Until nothing but these files is in the root.
  void WaitForNames(const std::set<std::string>& names) {
    const absl::Time end = absl::Now() + dataplane::kDeadline;
    while (folder_.Names() != names && absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(2));
    }
    EXPECT_EQ(folder_.Names(), names);
  }

  // A reception that has received a part of its content.
  v1::Reception Receiving(ScriptedSender& sender, const std::string& path,
                          const std::string& part) {
    const auto created = Create(RequestOf(sender, path));
    EXPECT_TRUE(created.ok()) << created.status();
    if (!created.ok()) return {};
    EXPECT_EQ(sender.AcceptAndReadByte(), 0);
    EXPECT_TRUE(sender.Send(part));
    return WaitForState(created->name(), v1::RECEPTION_STATE_RECEIVING);
  }

  template <typename Result>
  static Result Wait(
      const std::function<void(std::function<void(const Result&)> done)>&
          call) {
    std::promise<Result> promise;
    call([&promise](const Result& result) { promise.set_value(result); });
    return promise.get_future().get();
  }

  const Folder folder_;  // The root.
  const Folder state_;
  ContentRoots roots_;
  WatchHub hub_{10};
  std::unique_ptr<Store> store_;
  // AddressSanitizer sees who uses it when it has gone.
  std::unique_ptr<dataplane::Engine> engine_;
  std::optional<ReceptionTable> table_;
  std::optional<ReceptionManager> manager_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_RECEPTIONS_MANAGED_RECEPTIONS_H_
