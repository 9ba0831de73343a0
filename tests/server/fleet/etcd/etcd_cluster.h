// A cluster of real etcd servers, Debian's, on this machine.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_ETCD_ETCD_CLUSTER_H_
#define TCPTOOL_TESTS_SERVER_FLEET_ETCD_ETCD_CLUSTER_H_

#include <sys/types.h>

#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/fleet/etcd/etcd_client.h"
#include "server/fleet/etcd/etcd_options.h"

namespace tcptool::fleet {

// Its members listen on Unix sockets in a directory of their own, so that no
// ports are needed. They are killed at the end, or when the test dies.
class EtcdCluster {
 public:
  struct Options {
    int members = 1;
    std::vector<std::string> flags;  // More, for each.
    bool tls = false;                // For which `flags` name the files.
  };

  EtcdCluster() : EtcdCluster(Options()) {}
  // Begins, and waits until it answers a write.
  explicit EtcdCluster(const Options& options);
  ~EtcdCluster();
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  // Of one member, and of all.
  std::string endpoint(int member) const;
  EtcdOptions client_options() const;

  void Kill(int member);
  // With what it has on its disk.
  void Restart(int member);
  // After SIGSTOP it stands still when this returns.
  void Signal(int member, int signal) const;

  // Runs etcdctl with arguments that a shell reads; returns whether it
  // succeeded.
  bool Control(const std::string& arguments) const;
  const std::string& directory() const { return directory_; }

 private:
  void WaitForAnswer() const;

  const Options options_;
  const std::string directory_;
  std::vector<pid_t> members_;
};

// A client on a thread of its own, for tests that wait.
class ClientThread {
 public:
  explicit ClientThread(const EtcdOptions& options);
  ~ClientThread();
  ClientThread(const ClientThread&) = delete;
  ClientThread& operator=(const ClientThread&) = delete;

  EtcdClient& client() { return *client_; }
  asio::any_io_executor executor() { return thread_.get_executor(); }

  // Runs a function on the thread, and waits for it.
  template <typename Function>
  void Run(Function function) {
    std::promise<void> done;
    asio::post(thread_, [&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  // Makes a call on the thread, and waits for its answer.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(void (EtcdClient::*method)(const Request&,
                                                          EtcdDone<Response>),
                               const Request& request) {
    std::promise<absl::StatusOr<Response>> answer;
    asio::post(thread_, [&] {
      ((*client_).*method)(request, [&answer](absl::StatusOr<Response> response,
                                              dataplane::Clock::time_point) {
        answer.set_value(std::move(response));
      });
    });
    return answer.get_future().get();
  }

  absl::Status Put(const std::string& key, const std::string& value,
                   int64_t lease = 0);
  absl::StatusOr<std::string> Get(const std::string& key);
  absl::Status Delete(const std::string& key);
  // Forgets all that was before now.
  absl::Status Compact();

 private:
  asio::thread_pool thread_{1};
  std::unique_ptr<EtcdClient> client_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_ETCD_ETCD_CLUSTER_H_
