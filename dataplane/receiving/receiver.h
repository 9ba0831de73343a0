// One connection on which a reception's content comes, on its lane.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_RECEIVER_H_
#define TCPTOOL_DATAPLANE_RECEIVING_RECEIVER_H_

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/lanes/socket_api.h"
#include "dataplane/receiving/disk_writer.h"
#include "dataplane/receiving/upstream.h"

namespace tcptool::dataplane {

// Reads in large pieces into the writer's blocks, as long as the writer has
// any; TCP's window does the rest. The connection is reset unless EndInOrder()
// ends it. Lives on the lane's thread, and keeps itself alive while it waits.
class Receiver : public std::enable_shared_from_this<Receiver> {
 public:
  using Clock = std::chrono::steady_clock;

  // Called on the lane's thread, from the receiver's methods or handlers. None
  // is called after Reset(), and nothing after Ended() or Lost().
  class Owner {
   public:
    // Content up to this position has come, and is in the writer's blocks.
    virtual void Received(uint64_t position) = 0;
    // The sender has ended in an orderly way.
    virtual void Ended() = 0;
    // UNAVAILABLE, with the system's reason, or that of TLS.
    virtual void Lost(const absl::Status& reason) = 0;

   protected:
    ~Owner() = default;
  };

  // `position`: of the first byte that comes, where a block begins. `owner`
  // outlives it, or calls Reset().
  Receiver(Lane& lane, UpstreamConnection connection,
           std::shared_ptr<DiskWriter> writer, uint64_t position, Owner& owner);

  void Start();
  // The writer may have a block again.
  void Resume();
  // What has come of a block that is not whole goes to the writer: the content
  // ends here. Nothing more is read.
  void Flush();

  // UNAVAILABLE: the sender has reset the connection, which it can do after its
  // end too.
  absl::Status Check() const;
  // Tells the sender that everything is written, and waits until its TCP has
  // acknowledged that, 10 s at most. `done` gets what Check() says of it.
  void EndInOrder(absl::AnyInvocable<void(absl::Status)> done);
  // The same without waiting for the acknowledgement, for a sender that needs
  // no proof of delivery. The owner is told nothing more.
  void CloseInOrder();
  void Reset();

  uint64_t position() const { return position_; }
  // Since when the sender has sent nothing although this end could take it.
  // Now, if this end has no memory to receive into (its disk is slow), or if
  // there are bytes in the socket that the lane has not read yet.
  Clock::time_point silent_since() const;
  const asio::ip::tcp::endpoint& peer() const { return peer_; }

 private:
  // How many bytes are read before the lane runs other handlers: those that
  // send them on find them in the processor's cache.
  static constexpr size_t kTurn = size_t{1} << 20;

  int descriptor() const {
    return const_cast<asio::ip::tcp::socket&>(socket_).native_handle();
  }
  void Wait();
  void ResumeSoon();
  void Read();
  // Reads once, and says what to do then.
  enum class Next : uint8_t { kMore, kWait, kStop };
  Next ReadPiece();
  void Fail(int error);
  void CheckEnd();
  SocketApi& calls() { return tls_ ? *tls_ : lane_.sockets(); }

  Lane& lane_;
  asio::ip::tcp::socket socket_;
  const std::unique_ptr<TlsConnection> tls_;  // Null: it is in clear text.
  asio::ip::tcp::endpoint peer_;
  std::shared_ptr<DiskWriter> writer_;  // Until CloseInOrder().
  Owner* owner_;                        // Null: it is told nothing more.
  uint64_t position_;
  DiskWriter::Block block_;  // Null: none is begun.
  bool is_waiting_ = false;
  bool has_ended_ = false;
  Clock::time_point silent_since_ = Clock::now();
  Clock::time_point ended_at_;
  // EndInOrder():
  absl::AnyInvocable<void(absl::Status)> done_;
  Clock::time_point end_deadline_;
  Clock::duration pause_{};
  // Of what is looked at again: a reader, the end.
  asio::steady_timer timer_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_RECEIVER_H_
