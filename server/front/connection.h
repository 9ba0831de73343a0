// A client's connection and the one to gRPC that stands for it.
#ifndef TCPTOOL_SERVER_FRONT_CONNECTION_H_
#define TCPTOOL_SERVER_FRONT_CONNECTION_H_

#include <openssl/types.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/unique_fd.h"
#include "server/front/client_stream.h"
#include "server/front/stranger_calls.h"
#include "server/front/stranger_slots.h"

namespace tcptool::server {

// Moves bytes between the two, what StrangerCalls does not let through yet
// excepted, until Trust(). Each way has a bound on what is held: where one side
// does not take it, the other is not read; but a stranger that leaves its
// answers unread is reset, so that gRPC is never kept from answering.
//
// Runs on the thread of its io_context, but for what says otherwise.
class Connection final : public std::enable_shared_from_this<Connection> {
 public:
  using Clock = dataplane::Clock;
  struct Events {
    // The client is there, with this certificate or none; its first byte goes
    // to gRPC after this.
    std::function<void(const X509*)> on_ready;
    // The client is sent away.
    std::function<void(absl::string_view why)> on_refused;
    // The last call: both connections are closed, but for that of a stranger
    // which has not acknowledged all that it was sent; it gets nothing more.
    std::function<void(dataplane::UniqueFd unacknowledged)> on_end;
  };

  // Answers of gRPC that a stranger has not read.
  static constexpr size_t kMaxUnreadBytes = 64 << 10;
  // For a stranger's call to be answered, and for a client to read the last
  // bytes after gRPC has closed its connection.
  static constexpr auto kPatience = std::chrono::seconds(10);

  // For a client to take something of what it is sent. TCP has the same limit
  // of its own, and gRPC's pings do not find it out: they are behind the rest.
  static constexpr auto kTakesNothing = std::chrono::seconds(30);
  // For gRPC to tell the client why its calls end.
  static constexpr auto kLastWords = std::chrono::seconds(2);

  // Of a trusted client, at a time.
  static constexpr size_t kScratchBytes = 256 << 10;

  // Both descriptors are non-blocking. `tls`: null for clear text. `scratch`
  // has kScratchBytes, is used within calls only, and shared. `io`, `slots` and
  // `scratch` outlive the connection.
  Connection(asio::io_context& io, dataplane::UniqueFd client, SSL_CTX* tls,
             dataplane::UniqueFd grpc, StrangerSlots& slots,
             absl::Span<char> scratch, Events events);

  // Once.
  void Start();
  // Any thread: Trust() is about to be called. What gRPC sends from here on is
  // not a stranger's, also if that call comes later.
  void ExpectTrust() { expects_trust_ = true; }
  // Somebody has shown credentials: from here on it is a pipe.
  void Trust();
  // Sends the client away, for another one.
  void MakeRoom();
  // What was shown is worth nothing any more: the client's bytes go nowhere
  // from here on, and its connection ends once it was told why.
  void Revoke();
  // Ends what has waited too long. About once a second.
  void Tick(Clock::time_point now);

 private:
  // Bytes that one end has sent and the other has not taken.
  class Held {
   public:
    absl::string_view bytes() const {
      return absl::string_view(bytes_).substr(taken_);
    }
    bool empty() const { return taken_ == bytes_.size(); }
    void Add(absl::string_view more);
    void Take(size_t count);
    // Gives the memory back, if there is nothing in it.
    void Shrink();

   private:
    std::string bytes_;
    size_t taken_ = 0;
  };
  // What Pump() waits for.
  struct Wants {
    bool client_input = false;
    bool client_room = false;
    bool grpc_input = false;
    bool grpc_room = false;
  };

  // Whether the kernel holds less for the client than at the last time: it
  // takes more only when much of that is gone.
  bool HasTaken();
  // Moves what can be moved, and waits for what is missing.
  void Pump();
  // Moves some bytes. False: nothing can be moved.
  bool MoveToGrpc();
  bool MoveToClient();
  // Of a stranger's, sets admitted_; false: nothing more can go.
  bool AdmitMore();
  // What it has taken.
  size_t SendToGrpc(absl::string_view bytes);
  // What has come, in `into`.
  absl::string_view ReadClient(absl::Span<char> into);
  // What it has taken.
  size_t WriteClient(absl::string_view bytes);
  bool ReadGrpc();
  // What a read or write of the client's came to, if not kDone.
  void OnClientBlocked(ClientStream::Result result);
  void NoteReady();
  void Refuse(absl::string_view why);
  // Nothing more goes to gRPC, which then closes its connection.
  void EndGrpcInput();
  void CloseClient();
  void Finish();
  void WaitForWants();
  void WaitFor(asio::posix::stream_descriptor& fd, bool input, bool& waits);

  asio::io_context& io_;
  asio::posix::stream_descriptor client_;
  ClientStream stream_;
  asio::posix::stream_descriptor grpc_;
  const absl::Span<char> scratch_;
  const Events events_;
  StrangerCalls calls_;
  Held to_grpc_;
  size_t admitted_ = 0;  // Of to_grpc_: may go.
  Held to_client_;
  bool ready_ = false;
  bool trusted_ = false;
  std::atomic<bool> expects_trust_ = false;
  std::optional<Clock::time_point> revoked_at_;
  bool client_took_ = false;  // Something, since the last Tick().
  int unread_ = 0;            // See HasTaken().
  // Something is there for it since, and it has taken none of it.
  Clock::time_point takes_nothing_since_ = Clock::now();
  bool client_closed_ = false;     // It sends and gets nothing more.
  bool grpc_input_ended_ = false;  // gRPC gets nothing more, and knows it.
  bool grpc_ended_ = false;        // All that it has sent was read.
  std::optional<Clock::time_point> grpc_ended_at_;  // Its end was seen.
  bool ended_ = false;
  Wants wants_;
  Wants waits_;  // What is waited for.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_CONNECTION_H_
