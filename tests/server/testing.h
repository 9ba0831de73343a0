// What the service's tests share: the services of a tcptoold in this process,
// and a client of theirs over a real connection.
#ifndef TCPTOOL_TESTS_SERVER_TESTING_H_
#define TCPTOOL_TESTS_SERVER_TESTING_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "server/rpc/control_server.h"
#include "server/rpc/session_service.h"
#include "server/sessions/session_manager.h"
#include "server/store/store.h"
#include "tcptool/v1/session_service.grpc.pb.h"
#include "tests/dataplane/testing.h"

namespace tcptool::server {

// Polls, as what a client sees is not told to it. False: it did not come true
// in time.
inline bool WaitUntil(const std::function<bool()>& holds) {
  const absl::Time end = absl::Now() + dataplane::kDeadline;
  while (!holds()) {
    if (absl::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

// A service that receives nothing.
class NoReceptions : public ReceivedContent {
 public:
  void Open(const std::string& reception, bool, Opened done) override {
    done(NoSuchReception(reception));
  }
  void AnswerPending() override {}
};

class InProcessService {
 public:
  static constexpr size_t kMaxWatchers = 2;
  static constexpr size_t kWindow = size_t{1} << 20;

  InProcessService() {
    manager_.Restore(*store_->Load());
    control_ =
        *ControlServer::Start({.address = "127.0.0.1:0"}, {}, {&service_}, {});
    stub_ = v1::SessionService::NewStub(grpc::CreateChannel(
        control_->address(), grpc::InsecureChannelCredentials()));
  }
  ~InProcessService() {
    manager_.Stop();
    hub_.StopAll();
    control_->Stop(std::chrono::milliseconds(0));
  }

  v1::SessionService::Stub& stub() { return *stub_; }
  ControlServer& control() { return *control_; }
  WatchHub& hub() { return hub_; }
  dataplane::Engine& engine() { return engine_; }
  SessionManager& manager() { return manager_; }

  // A session that waits for an upload.
  v1::Session Create() {
    grpc::ClientContext context;
    v1::CreateSessionRequest request;
    request.mutable_session()->mutable_spec()->mutable_upload();
    v1::Session session;
    const grpc::Status status =
        stub_->CreateSession(&context, request, &session);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return session;
  }
  v1::Session Get(const std::string& name) {
    grpc::ClientContext context;
    v1::GetSessionRequest request;
    request.set_name(name);
    v1::Session session;
    stub_->GetSession(&context, request, &session);
    return session;
  }
  grpc::Status Cancel(const std::string& name, const std::string& etag = "") {
    grpc::ClientContext context;
    v1::CancelSessionRequest request;
    request.set_name(name);
    request.set_etag(etag);
    v1::Session session;
    return stub_->CancelSession(&context, request, &session);
  }
  bool WaitForState(const std::string& name, v1::SessionState state) {
    return WaitUntil([&] { return Get(name).state() == state; });
  }

  static uint16_t PortOf(const v1::Session& session) {
    const std::string& endpoint = session.data_endpoint();
    return static_cast<uint16_t>(
        std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
  }

 private:
  dataplane::Engine engine_{dataplane::EngineOptions{.lanes = 2}};
  ContentRoots roots_;
  NoReceptions receptions_;
  const std::unique_ptr<Store> store_ =
      *Store::Open(":memory:", [](const char*, absl::Duration, bool) {});
  SessionTable table_;
  WatchHub hub_{kMaxWatchers};
  // Below the ports that the kernel gives to outgoing connections; other tests
  // use others.
  SessionManager manager_{
      {.rules = {.data_address = asio::ip::address_v4::loopback(),
                 .first_port = 8100,
                 .last_port = 9700,
                 .max_recipients = 10'000},
       .stream_window_bytes = kWindow},
      engine_,
      roots_,
      receptions_,
      table_,
      hub_,
      *store_};
  SessionService service_{manager_, table_, hub_};
  std::unique_ptr<ControlServer> control_;
  std::unique_ptr<v1::SessionService::Stub> stub_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_TESTING_H_
