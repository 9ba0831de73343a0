// What the tests of a node that serves others share: the parts of a tcptoold
// that sends and receives, in this process, with real sockets and files.
#ifndef TCPTOOL_TESTS_SERVER_PEERS_SERVING_NODE_H_
#define TCPTOOL_TESTS_SERVER_PEERS_SERVING_NODE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/peers/peer_contents.h"
#include "server/sessions/session_manager.h"
#include "tests/server/receptions/managed_receptions.h"
#include "tests/server/testing.h"

namespace tcptool::server {

using dataplane::kManifestBlock;
using dataplane::TheContent;

// Has TheContent() in a file, and receptions into a folder.
class ServingNode : public ManagedReceptions {
 protected:
  // `deadline`: of both roots, see ContentRoots.
  explicit ServingNode(const ReceptionManager::Options& options = {},
                       absl::Duration deadline = ContentRoots::kDeadline)
      : ManagedReceptions(deadline), roots_of_files_(deadline) {
    Start(options);
    EXPECT_TRUE(
        roots_of_files_.Add(absl::StrCat("files=", files_.path("").string()))
            .ok());
    files_.Put("file", TheContent());
    sessions_.emplace(
        SessionManager::Options{
            .rules = {.data_address = asio::ip::address_v4::loopback(),
                      .first_port = 7400,
                      .last_port = 7999,
                      .max_recipients = 100}},
        *engine_, roots_of_files_, *manager_, session_table_, hub_, *store_);
    sessions_->Restore(*store_->Load());
  }
  ~ServingNode() override {
    sessions_.reset();
    Stop();
  }

  PeerContents::Service parts() {
    return {.engine = *engine_,
            .sessions = *sessions_,
            .session_table = session_table_,
            .receptions = *manager_,
            .reception_table = *table_,
            .writable_roots = roots_,
            .roots = roots_of_files_};
  }

  // The name of a session that serves the file to whoever comes; `change`: what
  // else it is asked.
  std::string Serve(const std::function<void(v1::SessionSpec&)>& change =
                        [](v1::SessionSpec&) {}) {
    v1::CreateSessionRequest request;
    v1::SessionSpec& spec = *request.mutable_session()->mutable_spec();
    spec.mutable_file()->set_root("files");
    spec.mutable_file()->set_path("file");
    spec.mutable_start()->set_immediate(true);
    change(spec);
    const auto session = Wait<absl::StatusOr<v1::Session>>(
        [&](auto done) { sessions_->Create(request, "", done); });
    EXPECT_TRUE(session.ok()) << session.status();
    return session.ok() ? session->name() : "";
  }
  // Once a recipient is READY.
  void StartSession(const std::string& session) {
    EXPECT_TRUE(WaitUntil([&] {
      v1::StartSessionRequest request;
      request.set_name(session);
      return Wait<absl::StatusOr<v1::Session>>(
                 [&](auto done) { sessions_->Start(request, done); })
          .ok();
    }));
  }
  void CancelSession(const std::string& session) {
    v1::CancelSessionRequest request;
    request.set_name(session);
    const auto cancelled = Wait<absl::StatusOr<v1::Session>>(
        [&](auto done) { sessions_->Cancel(request, done); });
    EXPECT_TRUE(cancelled.ok()) << cancelled.status();
  }

  // The name of a reception that has received TheContent() into a file.
  std::string Receive(const std::string& path = "received") {
    ScriptedSender sender;
    const v1::Reception reception = Receiving(sender, path, TheContent());
    sender.End();
    WaitForState(reception.name(), v1::RECEPTION_STATE_SUCCEEDED);
    return reception.name();
  }

  const Folder files_;
  ContentRoots roots_of_files_;
  SessionTable session_table_;
  std::optional<SessionManager> sessions_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_PEERS_SERVING_NODE_H_
