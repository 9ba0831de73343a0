// tcptoold: the service. Puts the parts together, and takes them apart in
// order.
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <malloc.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/engine.h"
#include "server/content_roots.h"
#include "server/node_service.h"
#include "server/options.h"
#include "server/session_manager.h"
#include "server/session_service.h"
#include "server/session_table.h"
#include "server/watch_hub.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "version.h"

namespace tcptool::server {
namespace {

constexpr size_t kMaxWatchers = 1000;
constexpr int kMaxMessageBytes = 4 << 20;
// An upload's message in one frame of HTTP/2; its default, 16 KiB, costs 6 % of
// an upload's speed.
constexpr int kMaxFrameBytes = 1 << 20;

// What is left of the 5 s that a stop may take, for calls that do not end.
constexpr auto kShutdownGrace = std::chrono::seconds(2);

// Connections are descriptors: takes as many as the system gives without asking
// for a privilege.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// An upload allocates and frees a message of 1 MiB after the other. By default
// malloc gives each back to the kernel, and the page faults of the next take
// longer than all the rest; so it keeps some.
void KeepFreedMemory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

// SIGTERM and SIGINT are waited for, not handled. Before any thread starts, so
// that all of them inherit it.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Whole or not at all: whoever waits for the file may read it once it is there.
bool WriteReadyFile(const std::string& path,
                    const std::string& control_address) {
  const std::string part = absl::StrCat(path, ".part");
  std::ofstream file(part);
  file << "{\"control_address\": \"" << control_address << "\"}\n";
  file.close();
  return file.good() && std::rename(part.c_str(), path.c_str()) == 0;
}

int Fail(const std::string& message) {
  std::fprintf(stderr, "tcptoold: %s\n", message.c_str());
  return 1;
}

v1::Node NodeOf(const Options& options, const dataplane::Engine& engine,
                const SessionManager::Options& manager) {
  v1::Node node;
  node.set_version(std::string(kVersion));
  node.mutable_start_time()->set_seconds(absl::ToUnixSeconds(absl::Now()));
  node.set_data_address(options.data_address);
  node.mutable_data_ports()->set_first(options.first_data_port);
  node.mutable_data_ports()->set_last(options.last_data_port);
  node.set_lanes(static_cast<int32_t>(engine.lanes()));
  v1::NodeLimits& limits = *node.mutable_limits();
  limits.set_max_sessions(static_cast<int32_t>(manager.max_sessions));
  limits.set_max_recipients_per_session(
      static_cast<int32_t>(engine.max_recipients_per_session()));
  limits.set_max_watchers(kMaxWatchers);
  limits.set_max_message_bytes(kMaxMessageBytes);
  limits.set_stream_window_bytes(
      static_cast<int64_t>(manager.stream_window_bytes));
  limits.set_max_upload_bytes(static_cast<int64_t>(manager.max_upload_bytes));
  return node;
}

int Serve(const Options& options, const sigset_t& stop_signals) {
  ContentRoots roots;
  for (const std::string& root : options.roots) {
    if (absl::Status status = roots.Add(root); !status.ok()) {
      return Fail(std::string(status.message()));
    }
  }
  dataplane::Engine engine({.lanes = options.lanes});
  SessionTable table;
  WatchHub hub(kMaxWatchers);
  const SessionManager::Options manager_options = {
      .rules = {.data_address = asio::ip::make_address(options.data_address),
                .first_port = options.first_data_port,
                .last_port = options.last_data_port,
                .max_recipients =
                    static_cast<int32_t>(engine.max_recipients_per_session())}};
  SessionManager manager(manager_options, engine, roots, table, hub);
  SessionService session_service(manager, table, hub);
  NodeService node_service(NodeOf(options, engine, manager_options), roots,
                           manager);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.control_address,
                           grpc::InsecureServerCredentials(), &port);
  // A second service on the same port is an error, not a partner.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  builder.RegisterService(&session_service);
  builder.RegisterService(&node_service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return Fail(absl::StrCat(
        "cannot listen on ", options.control_address,
        ": the port is in use or the address is not this host's; choose "
        "another --control-address"));
  }
  const std::string control_address = absl::StrCat(
      options.control_address.substr(0, options.control_address.rfind(':')),
      ":", port);
  if (!options.ready_file.empty() &&
      !WriteReadyFile(options.ready_file, control_address)) {
    return Fail(absl::StrCat("cannot write --ready-file ", options.ready_file));
  }
  spdlog::info("serving control={} data={} ports={}-{} lanes={} version={}",
               control_address, options.data_address, options.first_data_port,
               options.last_data_port, engine.lanes(), kVersion);

  int signal = 0;
  sigwait(&stop_signals, &signal);
  spdlog::info("stopping signal={}", signal);
  server->GetHealthCheckService()->SetServingStatus(false);
  manager.Stop();
  hub.StopAll();
  server->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
  server->Wait();
  spdlog::info("stopped");
  return 0;
}

int Main(int argc, char** argv) {
  const std::variant<Options, int> options = ParseOptions(argc, argv);
  if (const int* status = std::get_if<int>(&options)) return *status;
  const sigset_t stop_signals = BlockStopSignals();
  RaiseDescriptorLimit();
  KeepFreedMemory();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("tcptoold"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_level(std::get<Options>(options).log_level);
  return Serve(std::get<Options>(options), stop_signals);
}

}  // namespace
}  // namespace tcptool::server

int main(int argc, char** argv) { return tcptool::server::Main(argc, argv); }
