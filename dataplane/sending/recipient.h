// One recipient's connection on its lane, from the handshake to the proof of
// delivery.
#ifndef TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_
#define TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
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
#include "dataplane/tls/session_tls.h"
#include "dataplane/tls/tls_connection.h"

namespace tcptool::dataplane {

// Lives on its lane's thread. It keeps itself alive while it waits for its
// socket; handlers that run after it has closed do nothing.
class Recipient : public std::enable_shared_from_this<Recipient> {
 public:
  // The owner of the recipients: their fan-out. Called on the lane's thread,
  // from within the recipient's methods or from its handlers.
  class Owner {
   public:
    // status() has changed.
    virtual void Changed(const Recipient& recipient) = 0;
    // The socket of a recipient that waited for room has some.
    virtual void HasRoom(std::shared_ptr<Recipient> recipient) = 0;
    // A recipient that was probed has answered.
    virtual void Answered() = 0;
    // It has been given everything and has acknowledged it: whether that is the
    // content, see Feed::Verify().
    virtual void Verify(Feed::Verified done) = 0;
    // What it has is not known to be the content.
    virtual void SourceFailed(const absl::Status& error) = 0;

   protected:
    ~Owner() = default;
  };

  // `lane`, `limits`, `owner` and `rules` must outlive it until it is closed.
  // `tls`: of `socket`; null: it is sent to in clear text. `rules`: who may
  // connect by TLS; null if that is known, as the handshake is done.
  Recipient(Lane& lane, const Limits& limits, Owner& owner, UniqueFd socket,
            RecipientStatus status,
            std::unique_ptr<TlsConnection> tls = nullptr,
            const SessionTls* rules = nullptr);

  // Waits for the handshake byte.
  void Open(Clock::time_point now);

  // If TCP has not heard of a READY recipient's host for a second, sends a
  // keepalive probe: the recipient answers or is closed within 3 s, and
  // is_probed() is true until then.
  void Probe(Clock::time_point now);
  bool is_probed() const {
    return probed_at_ && status_.state == RecipientState::kReady;
  }

  // It may be sent content from now on. It must be READY.
  void Begin(Clock::time_point now);

  // What a recipient waits for before it can be sent to again.
  enum class Wait : uint8_t {
    kNothing,  // It can take more at once.
    kRoom,     // For room in its socket; HasRoom() is called.
    kMemory,   // For memory of the kernel, which signals no event.
    kContent,  // For content; the feed's wake is called.
    kForever,  // It takes no more: it has been given everything, is closed, or
               // the content cannot be had (`source_error`).
  };
  struct Sent {
    size_t bytes = 0;
    Wait wait = Wait::kForever;
    absl::Status source_error;
  };
  // Bytes a second that it is sent at most from now on, and what Limits allow;
  // 0: as much as these. The kernel holds it to that.
  void SetRate(uint64_t bytes_per_second);
  // Limits::recipient_bytes_per_second has changed.
  void ApplyRate();

  // Hands at most `limit` bytes, and at most the rest of one block, to the
  // kernel. The recipient is TRANSFERRING.
  Sent Send(Feed& feed, size_t limit, Clock::time_point now);

  // Reads TCP_INFO: how much is acknowledged, and whether the host is still
  // there; and looks whether the disk that it waits for is. Call it
  // periodically while in_flight().
  void Measure(Clock::time_point now);

  // Of one that has been given everything: it is UNCONFIRMED if it is not
  // DELIVERED in this time, whatever the limits allow it.
  void ConfirmWithin(absl::Duration time);

  // Ends the connection: in an orderly way if `state` is DELIVERED, with a
  // reset otherwise.
  void Close(RecipientState state, Reason reason, std::string detail);

  bool can_be_sent_to() const {
    return status_.state == RecipientState::kTransferring;
  }
  // There may be bytes, our end included, that it has not acknowledged, or
  // there will be.
  bool in_flight() const {
    return can_be_sent_to() ||
           (status_.state == RecipientState::kConfirming &&
            !(delivery_->ended() && delivery_->acknowledged()));
  }
  const RecipientStatus& status() const { return status_; }
  // Position of the next byte to send.
  uint64_t position() const { return status_.offset + status_.bytes_sent; }
  bool closed() const { return IsFinal(status_.state); }

 private:
  void WaitForHandshake(
      asio::socket_base::wait_type what = asio::socket_base::wait_read);
  void OnHandshake();
  // Goes on with the handshake of TLS. True: it is done, and has let it in.
  bool ShakeHandsByTls();
  // Closes it if it may not connect.
  void OnTlsDone();
  void WaitForLoss();
  void WaitForRoom();
  // From when it has acknowledged all content: its close, or what it sends.
  void WaitForInput();
  // Calls `then` at `when`, unless the timer is set again before.
  void SetTimer(Clock::time_point when, void (Recipient::*then)());
  void OnHandshakeTimeout();
  void CheckProbe();
  void OnLoss();
  void FinishSending(Clock::time_point now);
  void CheckDelivery();
  // Looks whether what it has is the content as it was at the start.
  void Verify();
  void OnVerifyTimeout();
  void OnVerified(const absl::Status& status);
  // Sends the orderly end, which says that the content is whole.
  void End();
  void Handle(Delivery::Outcome outcome);
  // The connection broke: -errno. `reason`: why, unless it was TLS that failed.
  void Lost(int error, Reason reason = Reason::kConnectionLost);
  void CheckStall(Clock::time_point now);
  void CheckDisk(Clock::time_point now);
  void CheckVanished(const TcpInfo& info, Clock::time_point now);
  // Updates the status from TCP_INFO. None: it could not be read.
  std::optional<TcpInfo> ReadProgress(Clock::time_point now);

  const std::unique_ptr<TlsConnection> tls_;  // Null: in clear text.
  const SessionTls* const rules_;
  SocketApi& sockets_;  // The lane's, or tls_.
  const Limits& limits_;
  Owner& owner_;
  uint64_t rate_;            // Bytes a second; 0: no limit.
  uint64_t asked_rate_ = 0;  // By SetRate().
  asio::ip::tcp::socket socket_;
  RecipientStatus status_;
  SendMethod method_ = SendMethod::kCopy;
  // HANDSHAKING: the handshake timeout. READY: when to look for the answer to a
  // probe. CONFIRMING: Delivery::next_check(), or how long Verify() may take.
  asio::steady_timer timer_;
  std::unique_ptr<asio::steady_timer> confirm_timer_;  // ConfirmWithin()'s.
  Clock::time_point opened_;
  Clock::time_point ready_;                     // When its byte was seen.
  std::optional<Clock::time_point> probed_at_;  // Not answered yet.
  std::optional<Progress> progress_;            // From Begin() on.
  Clock::time_point began_;                     // When its content did.
  Clock::time_point last_measure_;
  // Since when its host has answered nothing.
  std::optional<Clock::time_point> silent_since_;
  // Since when it has waited for one read of a disk.
  std::optional<Clock::time_point> disk_since_;
  std::optional<Delivery> delivery_;
  bool waits_for_input_ = false;
  enum class Verification : uint8_t { kNotAsked, kAsked, kUnchanged };
  Verification verification_ = Verification::kNotAsked;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_RECIPIENT_H_
