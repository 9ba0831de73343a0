// Clients of the control API, as many as asked for, that measure.
//
//   control_load calls --server HOST:PORT --clients N --calls M --file
//   ROOT/PATH control_load list --server HOST:PORT control_load watch --server
//   HOST:PORT --clients N --session NAME
//
// `calls` makes M sessions and as many look-ups, by N clients with a connection
// each, and prints both as JSON; then it cancels the sessions. `list` lists all
// sessions. `watch` follows a session and its recipients until its input ends.

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tcptool/v1/session_service.grpc.pb.h"

namespace {

namespace v1 = tcptool::v1;
using Clock = std::chrono::steady_clock;

// Streams that share a connection: what a service allows on one by default.
constexpr size_t kStreamsPerChannel = 100;

struct Options {
  std::string server;
  size_t clients = 1;
  size_t calls = 1000;
  std::string file;
  std::string session;
};

std::unique_ptr<v1::SessionService::Stub> Connect(const Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto channel = grpc::CreateCustomChannel(
      options.server, grpc::InsecureChannelCredentials(), arguments);
  channel->WaitForConnected(std::chrono::system_clock::now() +
                            std::chrono::seconds(20));
  return v1::SessionService::NewStub(channel);
}

// On any thread: the first error ends the program.
void Check(const grpc::Status& status) {
  if (status.ok()) return;
  std::cerr << "control_load: " << status.error_message() << std::endl;
  std::_Exit(1);
}

using Stubs = std::vector<std::unique_ptr<v1::SessionService::Stub>>;
using Call = std::function<void(v1::SessionService::Stub&, size_t number)>;

// Every call once, by all clients at a time. Prints rate and latencies.
void Time(const std::string& name, const Options& options, const Stubs& stubs,
          const Call& call) {
  std::vector<double> seconds(options.calls);
  std::atomic<size_t> next{0};
  const Clock::time_point begin = Clock::now();
  std::vector<std::thread> threads;
  for (const auto& stub : stubs) {
    threads.emplace_back([&] {
      for (size_t number; (number = next++) < options.calls;) {
        const Clock::time_point start = Clock::now();
        call(*stub, number);
        seconds[number] =
            std::chrono::duration<double>(Clock::now() - start).count();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double all =
      std::chrono::duration<double>(Clock::now() - begin).count();
  std::sort(seconds.begin(), seconds.end());
  std::cout << "{\"call\": \"" << name
            << "\", \"rate\": " << options.calls / all
            << ", \"p50\": " << seconds[options.calls / 2]
            << ", \"p99\": " << seconds[options.calls * 99 / 100] << "}"
            << std::endl;
}

void MakeCalls(const Options& options) {
  Stubs stubs;
  for (size_t i = 0; i < options.clients; ++i) {
    stubs.push_back(Connect(options));
  }
  std::vector<std::string> names(options.calls);
  const size_t slash = options.file.find('/');
  Time("CreateSession", options, stubs, [&](auto& stub, size_t number) {
    grpc::ClientContext context;
    v1::CreateSessionRequest request;
    v1::FileSource& file =
        *request.mutable_session()->mutable_spec()->mutable_file();
    file.set_root(options.file.substr(0, slash));
    file.set_path(options.file.substr(slash + 1));
    v1::Session session;
    Check(stub.CreateSession(&context, request, &session));
    names[number] = session.name();
  });
  Time("GetSession", options, stubs, [&](auto& stub, size_t number) {
    grpc::ClientContext context;
    v1::GetSessionRequest request;
    request.set_name(names[number]);
    v1::Session session;
    Check(stub.GetSession(&context, request, &session));
  });
  Time("CancelSession", options, stubs, [&](auto& stub, size_t number) {
    grpc::ClientContext context;
    v1::CancelSessionRequest request;
    request.set_name(names[number]);
    v1::Session session;
    Check(stub.CancelSession(&context, request, &session));
  });
}

void List(const Options& options) {
  const auto stub = Connect(options);
  const Clock::time_point begin = Clock::now();
  size_t count = 0;
  v1::ListSessionsRequest request;
  request.set_page_size(1000);
  do {
    grpc::ClientContext context;
    v1::ListSessionsResponse response;
    Check(stub->ListSessions(&context, request, &response));
    count += response.sessions_size();
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  std::cout << "{\"sessions\": " << count << ", \"seconds\": "
            << std::chrono::duration<double>(Clock::now() - begin).count()
            << "}" << std::endl;
}

class Watcher : public grpc::ClientReadReactor<v1::WatchSessionsResponse> {
 public:
  Watcher(v1::SessionService::Stub& stub, const std::string& session) {
    request_.add_names(session);
    request_.set_include_recipients(true);
    stub.async()->WatchSessions(&context_, &request_, this);
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    changes_ += response_.changes_size();
    if (response_.bookmark()) in_step_ = true;
    StartRead(&response_);
  }
  void OnDone(const grpc::Status&) override { done_ = true; }

  void Cancel() { context_.TryCancel(); }
  uint64_t changes() const { return changes_; }
  // It has had the snapshot.
  bool in_step() const { return in_step_; }
  bool done() const { return done_; }

 private:
  grpc::ClientContext context_;
  v1::WatchSessionsRequest request_;
  v1::WatchSessionsResponse response_;
  std::atomic<uint64_t> changes_{0};
  std::atomic<bool> in_step_{false};
  std::atomic<bool> done_{false};
};

void Watch(const Options& options) {
  Stubs stubs;
  std::list<Watcher> watchers;
  for (size_t i = 0; i < options.clients; ++i) {
    if (i % kStreamsPerChannel == 0) stubs.push_back(Connect(options));
    watchers.emplace_back(*stubs.back(), options.session);
  }
  const auto wait_for = [&](auto condition) {
    while (!std::all_of(watchers.begin(), watchers.end(), condition)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  };
  wait_for([](const Watcher& watcher) {
    return watcher.in_step() || watcher.done();
  });
  std::cout << "{\"watching\": " << watchers.size() << "}" << std::endl;
  std::string line;
  std::getline(std::cin, line);
  uint64_t changes = 0;
  size_t broken = 0;
  for (Watcher& watcher : watchers) {
    broken += watcher.done();
    changes += watcher.changes();
    watcher.Cancel();
  }
  wait_for([](const Watcher& watcher) { return watcher.done(); });
  std::cout << "{\"changes\": " << changes << ", \"broken\": " << broken << "}"
            << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Clients of the control API that measure.");
  const auto add = [&](const char* name, void (*run)(const Options&)) {
    CLI::App* command = app.add_subcommand(name);
    command->add_option("--server", options.server)->required();
    command->add_option("--clients", options.clients);
    command->add_option("--calls", options.calls);
    command->add_option("--file", options.file);
    command->add_option("--session", options.session);
    command->callback([&options, run] { run(options); });
  };
  add("calls", MakeCalls);
  add("list", List);
  add("watch", Watch);
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
}
