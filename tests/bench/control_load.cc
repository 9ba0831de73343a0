// Clients of the control API, as many as asked for, that measure.
//
//   control_load calls (--server | --http) HOST:PORT
//                      --clients N --calls M --file ROOT/PATH
//   control_load list --server HOST:PORT [--basic]
//   control_load watch --server HOST:PORT --clients N --session NAME
//
// `calls` makes M sessions and as many look-ups, by N clients with a connection
// each, and prints how long they took as JSON; then it cancels the sessions.
// With --http it does so by JSON over HTTP. `list` lists all sessions; with
// --basic, without their specs. `watch` follows a session and its recipients
// until its input ends.

#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tcptool/v1/session_service.grpc.pb.h"
#include "tests/bench/json_client.h"

namespace {

namespace v1 = tcptool::v1;
using Clock = std::chrono::steady_clock;
using Stub = v1::SessionService::Stub;
using tcptool::bench::JsonClient;

// Streams that share a connection: what a service allows on one by default.
constexpr size_t kStreamsPerChannel = 100;

struct Options {
  std::string server;
  std::string http;
  bool basic = false;
  size_t clients = 1;
  size_t calls = 1000;
  std::string file;
  std::string session;
};

std::unique_ptr<Stub> Connect(const Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto channel = grpc::CreateCustomChannel(
      options.server, grpc::InsecureChannelCredentials(), arguments);
  channel->WaitForConnected(std::chrono::system_clock::now() +
                            std::chrono::seconds(20));
  return v1::SessionService::NewStub(channel);
}

// On any thread: the first error ends the program.
[[noreturn]] void Fail(const char* error) {
  std::cerr << "control_load: " << error << std::endl;
  std::_Exit(1);
}

void Check(const grpc::Status& status) {
  if (!status.ok()) Fail(status.error_message().c_str());
}

void Call(Stub& stub, const v1::CreateSessionRequest& request,
          v1::Session& session) {
  grpc::ClientContext context;
  Check(stub.CreateSession(&context, request, &session));
}

void Call(Stub& stub, const v1::GetSessionRequest& request,
          v1::Session& session) {
  grpc::ClientContext context;
  Check(stub.GetSession(&context, request, &session));
}

void Call(Stub& stub, const v1::CancelSessionRequest& request,
          v1::Session& session) {
  grpc::ClientContext context;
  Check(stub.CancelSession(&context, request, &session));
}

template <typename Request>
void Call(JsonClient& client, const Request& request, v1::Session& session) {
  try {
    client.Call(v1::SessionService::service_full_name(), request, session);
  } catch (const std::exception& error) {
    Fail(error.what());
  }
}

template <typename Client>
using Clients = std::vector<std::unique_ptr<Client>>;

// Every call once, by all clients at a time. Prints rate and latencies.
template <typename Client, typename MakeCall>
void Time(const std::string& name, const Options& options,
          const Clients<Client>& clients, const MakeCall& call) {
  std::vector<double> seconds(options.calls);
  std::atomic<size_t> next{0};
  const Clock::time_point begin = Clock::now();
  std::vector<std::thread> threads;
  for (const auto& client : clients) {
    threads.emplace_back([&] {
      for (size_t number; (number = next++) < options.calls;) {
        const Clock::time_point start = Clock::now();
        call(*client, number);
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

template <typename Client>
void MakeCalls(const Options& options, const Clients<Client>& clients) {
  std::vector<std::string> names(options.calls);
  const size_t slash = options.file.find('/');
  Time("CreateSession", options, clients, [&](auto& client, size_t number) {
    v1::CreateSessionRequest request;
    v1::FileSource& file =
        *request.mutable_session()->mutable_spec()->mutable_file();
    file.set_root(options.file.substr(0, slash));
    file.set_path(options.file.substr(slash + 1));
    v1::Session session;
    Call(client, request, session);
    names[number] = session.name();
  });
  Time("GetSession", options, clients, [&](auto& client, size_t number) {
    v1::GetSessionRequest request;
    request.set_name(names[number]);
    v1::Session session;
    Call(client, request, session);
  });
  Time("CancelSession", options, clients, [&](auto& client, size_t number) {
    v1::CancelSessionRequest request;
    request.set_name(names[number]);
    v1::Session session;
    Call(client, request, session);
  });
}

void ConnectAndMakeCalls(const Options& options) {
  if (options.http.empty()) {
    Clients<Stub> clients;
    for (size_t i = 0; i < options.clients; ++i) {
      clients.push_back(Connect(options));
    }
    return MakeCalls(options, clients);
  }
  Clients<JsonClient> clients;
  try {
    for (size_t i = 0; i < options.clients; ++i) {
      clients.push_back(std::make_unique<JsonClient>(options.http));
    }
  } catch (const std::exception& error) {
    Fail(error.what());
  }
  MakeCalls(options, clients);
}

void List(const Options& options) {
  const auto stub = Connect(options);
  const Clock::time_point begin = Clock::now();
  size_t count = 0;
  v1::ListSessionsRequest request;
  request.set_page_size(1000);
  if (options.basic) request.set_view(v1::VIEW_BASIC);
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
  Watcher(Stub& stub, const std::string& session) {
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
  Clients<Stub> stubs;
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
    CLI::Option_group* where = command->add_option_group("where");
    where->add_option("--server", options.server);
    where->add_option("--http", options.http);
    where->require_option(1);
    command->add_flag("--basic", options.basic);
    command->add_option("--clients", options.clients);
    command->add_option("--calls", options.calls);
    command->add_option("--file", options.file);
    command->add_option("--session", options.session);
    command->callback([&options, run] { run(options); });
  };
  add("calls", ConnectAndMakeCalls);
  add("list", List);
  add("watch", Watch);
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
}
