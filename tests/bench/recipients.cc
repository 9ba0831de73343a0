// Recipients that discard: any number of connections in one process, which read
// with MSG_TRUNC (tcp(7)), so that no byte is copied and the sender is what is
// measured. In TLS too: after the handshake nothing is decrypted, as that is
// done by other machines' processors where it counts. Says what each of them
// saw, and when.
//
//   recipients (--connect | --listen) ADDRESS:PORT --count N --speak PROTOCOL
//
// Prints {"connected": SECONDS} once all are connected, then waits for a line
// on its input, says what the protocol wants it to, reads all to the end, and
// prints what they saw, as JSON. Times are CLOCK_MONOTONIC's, in seconds.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "dataplane/base/unique_fd.h"
#include "dataplane/lanes/socket_api.h"
#include "dataplane/tls/tls_connection.h"
#include "dataplane/tls/tls_context.h"

namespace {

using tcptool::dataplane::SocketApi;
using tcptool::dataplane::TlsConnection;
using tcptool::dataplane::UniqueFd;
using Clock = std::chrono::steady_clock;

// How long a sender may take to listen.
constexpr auto kConnectTimeout = std::chrono::seconds(20);

// At most so much is discarded at a time, so that no recipient starves others.
constexpr size_t kReadSize = size_t{4} << 20;

struct Options {
  std::string connect;
  std::string listen;
  size_t count = 1;
  // "tcptool": one byte, of which the last recipient's starts. "wait": the
  // same, but none starts. "http": a request for `path`. "nothing": the sender
  // begins by itself.
  std::string protocol = "tcptool";
  std::string path;
  // "good", or how a bad one does: "slow" reads `slow_rate`, "idle" reads
  // nothing, "reset" resets once something has come.
  std::string behaviour = "good";
  size_t slow_rate = 1'000'000;  // Bytes per second.
  int sample_ms = 0;
  // Whose certificates senders may have, in PEM; empty: in clear text.
  std::string tls_ca;
};

struct Recipient {
  UniqueFd socket;
  std::unique_ptr<TlsConnection> tls;  // Null: in clear text.
  uint64_t bytes = 0;  // Of the wire: with TLS's records, where that is spoken.
  double first = 0;    // When it could read its first byte.
  double last = 0;     // When it had read its last byte.
  double end = 0;
  int error = 0;
};

struct Sample {
  double time;
  uint64_t bytes;  // Of all recipients so far.
};

double Now() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

[[noreturn]] void Fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in ToAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) !=
      1) {
    throw std::invalid_argument(text + " is not of the form ADDRESS:PORT");
  }
  address.sin_port = htons(std::stoi(text.substr(colon + 1)));
  return address;
}

UniqueFd NewSocket() {
  UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) Fail("socket");
  return socket;
}

UniqueFd Connect(const sockaddr_in& address, Clock::time_point deadline) {
  while (true) {
    UniqueFd socket = NewSocket();
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof address) == 0) {
      return socket;
    }
    if (errno != ECONNREFUSED || Clock::now() > deadline) Fail("connect");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

std::shared_ptr<SSL_CTX> NewTlsContext(const std::string& ca) {
  std::stringstream text;
  text << std::ifstream(ca).rdbuf();
  const auto context = tcptool::dataplane::NewClientContext(
      {.name = ca, .text = text.str()}, {});
  if (!context.ok()) {
    throw std::runtime_error(std::string(context.status().message()));
  }
  return *context;
}

void ShakeHands(Recipient& recipient, const std::shared_ptr<SSL_CTX>& context) {
  using Outcome = TlsConnection::Outcome;
  const int socket = recipient.socket.get();
  recipient.tls = std::make_unique<TlsConnection>(
      SocketApi::Real(), context, socket, tcptool::dataplane::TlsRole::kClient);
  for (;;) {
    const Outcome outcome = recipient.tls->Handshake();
    if (outcome == Outcome::kDone) return;
    if (outcome == Outcome::kClosed || outcome == Outcome::kFailed) {
      throw std::runtime_error("TLS: " + recipient.tls->error());
    }
    pollfd waits = {.fd = socket,
                    .events = static_cast<short>(
                        outcome == Outcome::kWaitsForInput ? POLLIN : POLLOUT),
                    .revents = 0};
    poll(&waits, 1, -1);
  }
}

void SendAll(const Recipient& recipient, std::string_view text) {
  SocketApi& sockets =
      recipient.tls == nullptr ? SocketApi::Real() : *recipient.tls;
  if (sockets.Send(recipient.socket.get(), std::as_bytes(std::span(text))) !=
      static_cast<ssize_t>(text.size())) {
    Fail("send");
  }
}

std::vector<Recipient> Open(const Options& options) {
  using namespace std::string_view_literals;
  std::vector<Recipient> recipients(options.count);
  if (!options.listen.empty()) {
    const sockaddr_in address = ToAddress(options.listen);
    const UniqueFd listener = NewSocket();
    const int on = 1;
    setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof address) != 0 ||
        listen(listener.get(), SOMAXCONN) != 0) {
      Fail("listen");
    }
    std::cout << "{\"listening\": true}" << std::endl;
    for (Recipient& recipient : recipients) {
      recipient.socket = UniqueFd(accept(listener.get(), nullptr, nullptr));
      if (!recipient.socket.valid()) Fail("accept");
    }
    return recipients;
  }
  const sockaddr_in address = ToAddress(options.connect);
  const Clock::time_point deadline = Clock::now() + kConnectTimeout;
  const std::shared_ptr<SSL_CTX> context =
      options.tls_ca.empty() ? nullptr : NewTlsContext(options.tls_ca);
  for (Recipient& recipient : recipients) {
    recipient.socket = Connect(address, deadline);
    if (context != nullptr) ShakeHands(recipient, context);
    if (options.protocol == "wait" ||
        (options.protocol == "tcptool" && &recipient != &recipients.back())) {
      SendAll(recipient, "\0"sv);
    }
  }
  return recipients;
}

void Start(const Options& options, const std::vector<Recipient>& recipients) {
  if (options.protocol == "tcptool") return SendAll(recipients.back(), "\1");
  if (options.protocol == "http") {
    const std::string request = "GET " + options.path + " HTTP/1.0\r\n\r\n";
    for (const Recipient& recipient : recipients) SendAll(recipient, request);
  }
}

// Reads what there is. False: the connection has ended.
bool Discard(Recipient& recipient, uint64_t& total) {
  const ssize_t got = recv(recipient.socket.get(), nullptr, kReadSize,
                           MSG_TRUNC | MSG_DONTWAIT);
  if (got > 0) {
    recipient.bytes += got;
    recipient.last = Now();
    total += got;
    return true;
  }
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  recipient.error = got < 0 ? errno : 0;
  recipient.end = Now();
  if (got == 0 && recipient.tls != nullptr) {
    recipient.tls->ShutdownWrite(recipient.socket.get());
  }
  recipient.tls = nullptr;
  recipient.socket = UniqueFd();
  return false;
}

std::vector<Sample> ReadAll(const Options& options,
                            std::vector<Recipient>& recipients) {
  const UniqueFd poll(epoll_create1(EPOLL_CLOEXEC));
  for (Recipient& recipient : recipients) {
    epoll_event event = {.events = EPOLLIN, .data = {.ptr = &recipient}};
    if (epoll_ctl(poll.get(), EPOLL_CTL_ADD, recipient.socket.get(), &event) !=
        0) {
      Fail("epoll_ctl");
    }
  }
  std::vector<Sample> samples;
  uint64_t total = 0;
  size_t open = recipients.size();
  const double interval = options.sample_ms / 1000.0;
  double next_sample = Now();
  std::array<epoll_event, 1024> events;
  while (open > 0) {
    const int ready = epoll_wait(poll.get(), events.data(), events.size(),
                                 interval > 0 ? options.sample_ms : -1);
    if (ready < 0 && errno != EINTR) Fail("epoll_wait");
    const double now = Now();
    if (interval > 0 && now >= next_sample) {
      samples.push_back({now, total});
      next_sample = now + interval;
    }
    for (int i = 0; i < ready; ++i) {
      Recipient& recipient = *static_cast<Recipient*>(events[i].data.ptr);
      if (recipient.first == 0) recipient.first = now;
      if (!Discard(recipient, total)) --open;
    }
  }
  return samples;
}

// Goes on until it is killed, or the sender has had enough.
void Misbehave(const Options& options, Recipient& recipient) {
  constexpr size_t kReadsPerSecond = 100;
  constexpr auto kSlowPause = std::chrono::milliseconds(10);
  const int socket = recipient.socket.get();
  if (options.behaviour == "idle") {
    pause();
  } else if (options.behaviour == "slow") {
    const size_t each = options.slow_rate / kReadsPerSecond;
    while (recv(socket, nullptr, each, MSG_TRUNC) > 0) {
      std::this_thread::sleep_for(kSlowPause);
    }
  } else {
    recv(socket, nullptr, 1, MSG_TRUNC);
    tcptool::dataplane::ResetAndClose(recipient.socket.release());
  }
}

void Print(double start, const std::vector<Recipient>& recipients,
           const std::vector<Sample>& samples) {
  std::cout.precision(12);
  std::cout << "{\"start\": " << start << ", \"recipients\": [";
  const char* comma = "";
  for (const Recipient& recipient : recipients) {
    std::cout << comma << "{\"first\": " << recipient.first
              << ", \"last\": " << recipient.last
              << ", \"end\": " << recipient.end
              << ", \"bytes\": " << recipient.bytes << ", \"error\": \""
              << (recipient.error == 0 ? "" : std::strerror(recipient.error))
              << "\"}";
    comma = ", ";
  }
  std::cout << "], \"samples\": [";
  comma = "";
  for (const Sample& sample : samples) {
    std::cout << comma << "[" << sample.time << ", " << sample.bytes << "]";
    comma = ", ";
  }
  std::cout << "]}" << std::endl;
}

// Each recipient is a descriptor.
void RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Run(const Options& options) {
  RaiseDescriptorLimit();
  const double begin = Now();
  std::vector<Recipient> recipients = Open(options);
  std::cout << "{\"connected\": " << Now() - begin << "}" << std::endl;
  std::string line;
  if (!std::getline(std::cin, line)) return 1;  // The bench has given up.
  const double start = Now();
  Start(options, recipients);
  if (options.behaviour != "good") {
    Misbehave(options, recipients.front());
    return 0;
  }
  const std::vector<Sample> samples = ReadAll(options, recipients);
  Print(start, recipients, samples);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Discards what it receives, and says when it came.");
  auto* connect = app.add_option("--connect", options.connect);
  app.add_option("--listen", options.listen)->excludes(connect);
  app.add_option("--count", options.count)->check(CLI::PositiveNumber);
  app.add_option("--speak", options.protocol)
      ->check(CLI::IsMember({"tcptool", "wait", "http", "nothing"}));
  app.add_option("--path", options.path, "What to ask for by HTTP");
  app.add_option("--behave", options.behaviour)
      ->check(CLI::IsMember({"good", "slow", "idle", "reset"}));
  app.add_option("--slow-rate", options.slow_rate,
                 "Of a slow one, in bytes per second")
      ->check(CLI::Range(size_t{100}, size_t{10'000'000'000}));
  app.add_option("--sample-ms", options.sample_ms,
                 "Say how many bytes there were, so often");
  app.add_option("--tls-ca", options.tls_ca,
                 "Receive in TLS, of senders with a certificate of these")
      ->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);
  try {
    return Run(options);
  } catch (const std::exception& error) {
    std::cerr << "recipients: " << error.what() << "\n";
    return 1;
  }
}
