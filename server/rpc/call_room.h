// A budget that calls share, such as a number of bytes.
#ifndef TCPTOOL_SERVER_RPC_CALL_ROOM_H_
#define TCPTOOL_SERVER_RPC_CALL_ROOM_H_

#include <cstddef>
#include <list>

#include "absl/container/flat_hash_map.h"

namespace tcptool::server {

class Call;

// A call always gets the share that it asks for; if the shares exceed the
// budget, those that were given first are taken away. So clients that take all
// of it, and keep it, keep nobody out. Not thread-safe. Never dereferences a
// call.
class CallRoom {
 public:
  // What all shares together may be.
  explicit CallRoom(size_t size) : size_(size) {}

  // Gives `call` a share, in place of the one that it may have.
  void Enter(Call* call, size_t share);
  // Does nothing if `call` has none.
  void Leave(Call* call);
  // Takes the share that was given first of all, if the shares are too many,
  // and returns the call that had it; nullptr: all have room. The last one
  // keeps its share, whatever its size.
  Call* TurnOut();

 private:
  struct Share {
    Call* call;
    size_t size;
  };

  const size_t size_;
  size_t taken_ = 0;
  std::list<Share> shares_;  // In the order in which they were given.
  absl::flat_hash_map<Call*, std::list<Share>::iterator> by_call_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CALL_ROOM_H_
