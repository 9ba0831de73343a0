// One recipient's connection on its lane, from the handshake to the proof of
// delivery.
#ifndef TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_
#define TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "dataplane/base/state.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/sending/delivery.h"
#include "dataplane/sending/limits.h"
#include "dataplane/sending/progress.h"

namespace tcptool::dataplane {

// Lives on its lane's thread. It keeps itself alive while it waits for its
// socket; handlers that run after it has closed do nothing.
class Recipient : public std::enable_shared_from_this<Recipient> {
 public:
  // Whose recipient it is. Called on the lane's thread, from within the methods
  // of the recipient or from its own handlers.
  class Owner {
   public:
    // There is something new in its status().
    virtual void Changed(const Recipient& recipient) = 0;
    // The socket of one that waited for room has some.
    virtual void HasRoom(std::shared_ptr<Recipient> recipient) = 0;
    // One that is_probed() no longer has answered.
    virtual void Answered() = 0;
    // It has been given everything and has acknowledged it: whether that is the
    // content, see Feed::Verify().
    virtual void Verify(Feed::Verified done) = 0;

   protected:
    ~Owner() = default;
  };

  // `lane`, `limits` and `owner` outlive it for as long as it is not closed.
  Recipient(Lane& lane, const Limits& limits, Owner& owner, UniqueFd socket,
            RecipientStatus status);

  // Waits for the handshake byte.
  void Open(Clock::time_point now);

  // If the host of a READY recipient has not been heard of for a second, asks
  // it for a sign of life: it answers, or is closed, within 3 s. Until then
  // is_probed() is true.
  void Probe(Clock::time_point now);
  bool is_probed() const {
    return probed_at_ && status_.state == RecipientState::kReady;
  }

  // From now on it can be sent to. The recipient is READY.
  void Begin(Clock::time_point now);

  // What a recipient waits for before it can be sent to again.
  enum class Wait : uint8_t {
    kNothing,  // It can take more at once.
    kRoom,     // For room in its socket; Owner::HasRoom() tells.
    kMemory,   // The kernel lacks memory, and does not tell when it has some.
    kContent,  // For content; the feed's wake tells.
    kForever,  // It takes no more: it has been given everything, is closed, or
               // the content cannot be had (`source_error`).
  };
  struct Sent {
    size_t bytes = 0;
    Wait wait = Wait::kForever;
    absl::Status source_error;
  };
  // Hands at most `limit` bytes, and at most the rest of one block, to the
  // kernel. The recipient is TRANSFERRING.
  Sent Send(Feed& feed, size_t limit, Clock::time_point now);

  // Asks TCP how far it has come, and whether the host is still there. From
  // time to time, while in_flight().
  void Measure(Clock::time_point now);

  // Ends the connection: in an orderly way if `state` is DELIVERED, with a
  // reset otherwise.
  void Close(RecipientState state, Reason reason, std::string detail);

  bool can_be_sent_to() const {
    return status_.state == RecipientState::kTransferring;
  }
  // There may be bytes that it has not acknowledged.
  bool in_flight() const {
    return can_be_sent_to() || (status_.state == RecipientState::kConfirming &&
                                !delivery_->acknowledged());
  }
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
  // Calls `then` at that time, unless it is set again before.
  void SetTimer(Clock::time_point when, void (Recipient::*then)());
  void OnHandshakeTimeout();
  void CheckProbe();
  void OnLoss();
  void FinishSending(Clock::time_point now);
  void CheckDelivery();
  // Looks whether what it has is the content as it was at the start, and ends
  // the connection in the order that says so, or resets it.
  void EndIfVerified();
  void Handle(Delivery::Outcome outcome);
  void Lost(int error);
  void CheckStall(Clock::time_point now);
  void CheckVanished(const TcpInfo& info, Clock::time_point now);
  // Brings the status up to date. None: TCP says nothing.
  std::optional<TcpInfo> ReadProgress(Clock::time_point now);

  SocketApi& sockets_;
  const Limits& limits_;
  Owner& owner_;
  asio::ip::tcp::socket socket_;
  RecipientStatus status_;
  SendMethod method_ = SendMethod::kCopy;
  // HANDSHAKING: its timeout. READY: when to look whether the host has
  // answered. CONFIRMING: when to look how far that is.
  asio::steady_timer timer_;
  Clock::time_point opened_;
  Clock::time_point ready_;                     // When its byte was seen.
  std::optional<Clock::time_point> probed_at_;  // Not answered yet.
  std::optional<Progress> progress_;            // From Begin() on.
  Clock::time_point last_measure_;
  // Since when its host seems to have vanished.
  std::optional<Clock::time_point> silent_since_;
  std::optional<Delivery> delivery_;
  bool is_verifying_ = false;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_
