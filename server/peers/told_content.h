// What the nodes that a reception follows have said of its content.
#ifndef TCPTOOL_SERVER_PEERS_TOLD_CONTENT_H_
#define TCPTOOL_SERVER_PEERS_TOLD_CONTENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "dataplane/receiving/upstream.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Passes it on to the reception: digests at once, the length and the end when
// there is a connection, for the proof of delivery. Lives on the reception's
// lane.
class ToldContent {
 public:
  // Of a content; 16 TiB. Each digest is kept in memory.
  static constexpr uint64_t kMostBlocks = uint64_t{1} << 24;
  // Digests are taken for so many blocks more than have come, 256 GiB, so that
  // a node that lies cannot fill our memory. The others are asked for again
  // once half of these blocks have come.
  static constexpr uint64_t kMostBlocksAhead = uint64_t{1} << 18;

  // Before anything else.
  void Open(dataplane::ContentClaims& claims) { claims_ = &claims; }

  // The first block whose digest is to be asked for.
  uint64_t next_block() const { return blocks_; }
  // Whether all that is known of the blocks from this one on was said by the
  // node that is followed now.
  bool IsFromOne(uint64_t block) const { return block >= first_own_; }
  // Whether all that the reception may remember was, also of what is told
  // again: it keeps digests that blocks were verified by.
  bool IsAllFromOne() const { return others_ == 0; }

  // A call begins, which asks for the digests from next_block() on.
  void BeginCall() { misses_digests_ = false; }
  // What is said from now on may be another node's than what was said before.
  void ChangeNode();
  // Tells what a message says. INVALID_ARGUMENT, OUT_OF_RANGE: it cannot be,
  // whatever others have said.
  absl::Status Take(const peer::v1::FollowResponse& response,
                    bool is_connected);
  // There is a connection now.
  void Connected();
  // Whether another node's message, to a call that asks for the digests from
  // next_block() on, tells what the reception does not know.
  bool Lacks(const peer::v1::FollowResponse& response) const {
    return !response.digests().empty() || (response.has_end() && !end_);
  }
  // Some digests were not taken, and it is time to ask for them.
  bool IsToAskAgain() const;
  // They are to be told again, as is the end.
  void ForgetFrom(uint64_t block);
  void ForgetAll();

 private:
  absl::Status TakeLength(int64_t length);
  absl::Status TakeEnd(const peer::v1::ContentEnd& end);
  absl::Status TakeDigests(const std::string& digests);
  bool IsAhead(uint64_t blocks) const;

  dataplane::ContentClaims* claims_ = nullptr;
  uint64_t blocks_ = 0;          // Whose digests the reception has.
  bool misses_digests_ = false;  // The node has told more of them.
  std::optional<uint64_t> length_;
  std::optional<dataplane::ContentEnd> end_;
  uint64_t first_own_ = 0;  // What is known from here on is from one node.
  // Since all was forgotten: the most blocks of which digests were told, and so
  // by others than the node that is followed.
  uint64_t most_ = 0;
  uint64_t others_ = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_TOLD_CONTENT_H_
