// A content that other nodes may have from here: what is known of its blocks,
// and who sends it.
#ifndef TCPTOOL_SERVER_PEERS_PEER_CONTENT_H_
#define TCPTOOL_SERVER_PEERS_PEER_CONTENT_H_

#include <asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/content/route.h"
#include "dataplane/engine/engine.h"
#include "dataplane/receiving/reception.h"
#include "dataplane/session/session.h"

namespace tcptool::server {

// Any thread may call any method.
class PeerContent {
 public:
  virtual ~PeerContent() = default;

  // The digests of the blocks from number `first` on, as far as they are
  // verified; at most `most`.
  virtual std::vector<dataplane::Digest> Digests(uint64_t first,
                                                 size_t most) const = 0;
  // Once all of it is verified.
  virtual std::optional<dataplane::ContentEnd> end() const = 0;
  // Bytes, as soon as that is known.
  virtual std::optional<uint64_t> length() const = 0;
  // Bytes from its start that can be sent now.
  virtual uint64_t available() const = 0;
  // How it comes here, while it is being received.
  virtual dataplane::Route route() const { return {}; }
  // Why there is no more of it; OK if that is not so.
  virtual absl::Status error() const = 0;
  // Whether nobody is to have it in clear text.
  virtual bool is_encrypted() const { return false; }
  // As those of Session. `done` is called on any thread, maybe before they
  // return.
  virtual absl::Status CheckAllows(const asio::ip::address& peer) const = 0;
  virtual void MayTake(std::string node, dataplane::Session::Done done) = 0;
  virtual void Take(dataplane::NodeConnection connection,
                    dataplane::Session::Taken done) = 0;
  virtual void ResetNode(uint64_t connection, std::string detail) = 0;
  // As Session::SetRate().
  virtual void SetRate(uint64_t connection, uint64_t bytes_per_second) = 0;
  // How many bytes a node (NodeConnection::node) has acknowledged on the
  // connection that it has. None: it has none, or none any more, or that is
  // never known.
  virtual std::optional<uint64_t> TakenBy(const std::string& /*node*/) const {
    return std::nullopt;
  }
  // Whether to keep it while nobody follows it.
  virtual bool keep() const { return false; }
};

// What a session sends: other nodes are recipients of it.
// FAILED_PRECONDITION: its source cannot be read from any position.
absl::StatusOr<std::shared_ptr<PeerContent>> ContentOf(
    dataplane::Engine& engine,
    const std::shared_ptr<dataplane::Session>& session);

// What a reception receives, while it does so.
absl::StatusOr<std::shared_ptr<PeerContent>> ContentOf(
    dataplane::Engine& engine,
    const std::shared_ptr<dataplane::Reception>& reception);

// What a source has that can be read from any position.
absl::StatusOr<std::shared_ptr<PeerContent>> ContentOf(
    dataplane::Engine& engine,
    const std::shared_ptr<dataplane::Source>& source);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PEER_CONTENT_H_
