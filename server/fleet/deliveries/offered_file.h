// A file of this node, of which a distribution is made.
#ifndef TCPTOOL_SERVER_FLEET_DELIVERIES_OFFERED_FILE_H_
#define TCPTOOL_SERVER_FLEET_DELIVERIES_OFFERED_FILE_H_

#include <asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "server/fleet/follower/delivery_port.h"
#include "server/peers/peer_contents.h"
#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// Opens it and, as other nodes have to know its blocks, has it read to its end;
// once, as it is kept for as long as this is there. All is on the thread of
// `io`.
class OfferedFile : public std::enable_shared_from_this<OfferedFile> {
 public:
  // `name`: under which `contents` finds it, "distributions/{distribution}".
  OfferedFile(std::weak_ptr<asio::io_context> io,
              std::shared_ptr<server::PeerContents> contents, std::string name,
              DeliveryPort::OnProgress progress);

  // Looks how far it is, and tells. To be called again and again.
  void Look();

 private:
  using Clock = std::chrono::steady_clock;

  void Open();
  void Opened(server::PeerContents::Found found);
  void Tell(const DeliveryProgress& progress);

  const std::weak_ptr<asio::io_context> io_;
  const std::shared_ptr<server::PeerContents> contents_;
  const std::string name_;
  const DeliveryPort::OnProgress progress_;
  std::shared_ptr<server::PeerContent> content_;
  bool is_opening_ = false;
  Clock::time_point next_try_;
  v1::DeliveryState told_ = v1::DELIVERY_STATE_UNSPECIFIED;
  std::string told_detail_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_DELIVERIES_OFFERED_FILE_H_
