// One recipient's connection on its lane, from the handshake to the proof of
// delivery.
#ifndef TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_
#define TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_

#include <asio/ip/tcp.hpp>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "dataplane/base/state.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/source.h"
#include "dataplane/sending/delivery.h"
#include "dataplane/sending/limits.h"

namespace tcptool::dataplane {

class Fanout;

// Lives on its lane's thread. Its fan-out outlives it for as long as it is not
// closed; the handlers that it leaves behind when it closes touch neither.
class Recipient : public std::enable_shared_from_this<Recipient> {
 public:
  Recipient(Fanout& fanout, UniqueFd socket, RecipientStatus status);

  // Waits for the handshake byte.
  void Open(Clock::time_point now);

  // Begins to send. The recipient is READY.
  void Begin(Clock::time_point now);

  struct Sent {
    size_t bytes = 0;
    // It can take more at once. If not, it waits for what it lacks, or is done.
    bool more = false;
  };
  // Hands at most `limit` bytes, and at most the rest of one block, to the
  // kernel.
  Sent Send(Feed& feed, size_t limit, Clock::time_point now);

  // Checks the time limits, and the proof of delivery.
  void Tick(Clock::time_point now);

  // Asks TCP how far it has come, and whether the host is still there.
  void Measure(Clock::time_point now);

  // Ends the connection: in an orderly way if `state` is DELIVERED, with a
  // reset otherwise.
  void Close(RecipientState state, Reason reason, std::string detail);

  const RecipientStatus& status() const { return status_; }
  // Of the next byte to send.
  uint64_t position() const { return status_.bytes_sent; }
  bool closed() const { return IsFinal(status_.state); }

 private:
  void WaitForHandshake();
  void OnHandshake();
  void WaitForLoss();
  void WaitForRoom();
  void WaitForClose();
  void FinishSending(Clock::time_point now);
  void Handle(Delivery::Outcome outcome);
  void Lost(int error);
  void CheckStall(Clock::time_point now);
  void CheckVanished(const TcpInfo& info, Clock::time_point now);
  // Brings the status up to date. None: TCP says nothing.
  std::optional<TcpInfo> ReadProgress(Clock::time_point now);

  Fanout& fanout_;
  asio::ip::tcp::socket socket_;
  RecipientStatus status_;
  SendMethod method_ = SendMethod::kCopy;
  Clock::time_point opened_;
  // When it last acknowledged something, or had nothing to acknowledge.
  Clock::time_point last_progress_;
  Clock::time_point last_measure_;
  // Since when its host seems to have vanished.
  std::optional<Clock::time_point> silent_since_;
  std::optional<Delivery> delivery_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_
