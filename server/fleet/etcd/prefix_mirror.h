// A copy of what etcd has below a prefix.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_PREFIX_MIRROR_H_
#define TCPTOOL_SERVER_FLEET_ETCD_PREFIX_MIRROR_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "etcd/rpc.pb.h"

namespace tcptool::fleet {

struct PrefixEntry {
  std::string value;
  int64_t create_revision = 0;
  int64_t mod_revision = 0;
  int64_t lease = 0;  // 0: none.
};

struct PrefixChange {
  enum class Kind { kPut, kDelete };
  Kind kind;
  std::string key;
  PrefixEntry entry;  // As it is now; of one that is deleted: as it was.
};

// Takes lists of all keys, and events of watches, in any order and as often as
// they come, and says what has changed by each. Not thread-safe.
class PrefixMirror {
 public:
  using Changes = std::vector<PrefixChange>;

  // Before a list is asked for: what is deleted from here on does not come back
  // with it. A list that was begun before is given up.
  void BeginList();
  // All keys as they were at `revision`, at which BeginList() was the last to
  // be called.
  Changes EndList(const std::vector<etcdserverpb::KeyValue>& keys,
                  int64_t revision);

  // All events of one response of a watch.
  Changes Apply(const etcdserverpb::WatchResponse& response);

  // Everything up to this revision has been seen; a watch goes on after it. 0:
  // there was no list yet.
  int64_t revision() const { return revision_; }
  const std::map<std::string, PrefixEntry>& entries() const { return entries_; }

 private:
  void Put(const etcdserverpb::KeyValue& key, Changes& changes);

  std::map<std::string, PrefixEntry> entries_;
  int64_t revision_ = 0;
  bool is_listing_ = false;
  // What was deleted while a list is on its way: at which revision.
  std::map<std::string, int64_t> deleted_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_PREFIX_MIRROR_H_
