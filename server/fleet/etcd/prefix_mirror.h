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
  // Whether a list that was begun by the last BeginList(), and is of
  // `revision`, shows that etcd has gone back: it was restored from an older
  // backup, or has begun anew. Otherwise it answers with no less than what
  // anybody had seen of it when the list was asked for; and, if it has come as
  // far again, with no key that is older than it was seen.
  bool HasGoneBack(const std::vector<etcdserverpb::KeyValue>& keys,
                   int64_t revision) const;
  // All keys as they were at `revision`, at which BeginList() was the last to
  // be called. If etcd has gone back, this is all there is, whatever has been
  // seen before.
  Changes EndList(const std::vector<etcdserverpb::KeyValue>& keys,
                  int64_t revision);

  // All events of one response of a watch.
  Changes Apply(const etcdserverpb::WatchResponse& response);

  // Everything up to this revision has been seen; a watch goes on after it. It
  // grows, unless etcd has gone back. 0: there was no list yet.
  int64_t revision() const { return revision_; }
  const std::map<std::string, PrefixEntry>& entries() const { return entries_; }

 private:
  void Put(const etcdserverpb::KeyValue& key, Changes& changes);
  // Has what is listed in place of all there was.
  Changes BeginAnew(const std::vector<etcdserverpb::KeyValue>& keys);

  std::map<std::string, PrefixEntry> entries_;
  int64_t revision_ = 0;
  bool is_listing_ = false;
  int64_t begun_at_ = 0;  // The revision at which the last list was begun.
  // What was deleted while a list is on its way: at which revision.
  std::map<std::string, int64_t> deleted_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_PREFIX_MIRROR_H_
