// Where a reception's bytes come from.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_UPSTREAM_H_
#define TCPTOOL_DATAPLANE_RECEIVING_UPSTREAM_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/sha256.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/block_digests.h"
#include "dataplane/content/route.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/tls/tls_connection.h"

namespace tcptool::dataplane {

// What a resumable upstream says of the content, beside its bytes. Any thread
// may call it.
class ContentClaims {
 public:
  // The digests of the blocks from number `first` on, without a gap to those
  // before. Other ones than were said before are a FAILED_PRECONDITION (see
  // Upstream::Connect()).
  virtual void Expect(uint64_t first, std::vector<Digest> digests) = 0;
  // How long the content will be, before its end is known; where there is a
  // connection. So much is set aside in the file system: what does not fit is a
  // FAILED_PRECONDITION, and a length that cannot be OUT_OF_RANGE.
  virtual void ExpectLength(uint64_t length) = 0;
  // The content's length and root. Digests of more blocks than it has, told
  // before or later, are a FAILED_PRECONDITION, as is a root that contradicts
  // the digests, if all of them were told, or that is not the expected one. A
  // length that cannot be is OUT_OF_RANGE; other ones than before take the
  // place of those.
  virtual void ExpectEnd(const ContentEnd& end) = 0;
  // The source says nothing of the content any more: its process or its host
  // may have stopped. A connection on which nothing comes either is given up as
  // one that is lost.
  virtual void FallenSilent(const absl::Status& reason) = 0;
  // Another source is the better one: the connection is given up as one that is
  // lost, although something may still come on it.
  virtual void Leave(const absl::Status& reason) = 0;
  // The content of the source that a connection is wanted to ends before
  // position(), so what has come is another's: all of it comes anew, behind an
  // OUT_OF_RANGE (see Upstream::Connect()). Where there is no connection.
  virtual void StartAnew(const absl::Status& reason) = 0;
  // Nobody is left who could say what is missing: fails the reception, as an
  // error of Connect() does.
  virtual void GiveUp(const absl::Status& reason) = 0;
  // The offset up to which the content has come. On the lane.
  virtual uint64_t position() const = 0;
  // Since when nothing has come although more could have been taken. Now, where
  // there is no connection. On the lane.
  virtual std::chrono::steady_clock::time_point silent_since() const = 0;

 protected:
  ~ContentClaims() = default;
};

// A connection on which a content comes.
struct UpstreamConnection {
  // In clear text, it is made of its socket alone.
  UpstreamConnection(UniqueFd its_socket,
                     std::unique_ptr<TlsConnection> its_tls = nullptr)
      : socket(std::move(its_socket)), tls(std::move(its_tls)) {}

  UniqueFd socket;  // Does not block, and resets on close.
  // What its bytes are decrypted by, with the handshake done. Null: they are in
  // clear text.
  std::unique_ptr<TlsConnection> tls;
};

// Belongs to one reception, which calls it on its lane.
class Upstream {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<UpstreamConnection>)>;

  virtual ~Upstream() = default;

  // Called once, before anything else. `claims` may be used until Cancel().
  virtual void Open(ContentClaims& /*claims*/) {}

  // Whether it has the content from any offset, and so can go on after a loss,
  // and says by other ways what the content is: its digests, length and root
  // come by ContentClaims, and an orderly end of the connection says nothing.
  // If not, it has the content from its start, once, and an orderly end of the
  // connection says that it is complete.
  virtual bool resumable() const = 0;

  // Gets a connection on which the content comes from `offset` on; 0 where it
  // is not resumable. `lost`: OK for the first; then why the connection before
  // was given up: UNAVAILABLE, it was lost; DEADLINE_EXCEEDED, nothing came;
  // DATA_LOSS, a block was not what it should have been: what was said of the
  // blocks from `offset` on, and of the end, is forgotten, to be said again.
  // FAILED_PRECONDITION and OUT_OF_RANGE, what was said of the content
  // contradicts itself, what was sent, or what is expected: all that was said
  // is forgotten. Takes the place of a call that has had no answer yet.
  //
  // `done` is called once, on the lane: with a connection on which everything
  // that the content waits for has been said; or with the reason why there will
  // be none, which fails the reception: UNAVAILABLE, nobody answers; NOT_FOUND,
  // there is no such sender; DATA_LOSS or OUT_OF_RANGE, nobody has the content
  // as it should be; and so on. How often is tried, and with whom, is the
  // upstream's matter.
  virtual void Connect(Lane& lane, uint64_t offset, const absl::Status& lost,
                       Done done) = 0;

  // How the content comes here. Any thread.
  virtual Route route() const { return {}; }

  // `done` is not called any more. Nor is anything else: the reception is over.
  virtual void Cancel() = 0;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_UPSTREAM_H_
