// What etcd's transactions are put together from.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_TRANSACTION_H_
#define TCPTOOL_SERVER_FLEET_ETCD_TRANSACTION_H_

#include <cstdint>
#include <string>

#include "etcd/rpc.pb.h"

namespace tcptool::fleet {

// The transaction is refused unless the key was created at this revision; 0: it
// is not there.
inline void GuardCreation(etcdserverpb::TxnRequest& request,
                          const std::string& key, int64_t create_revision) {
  etcdserverpb::Compare& compare = *request.add_compare();
  compare.set_key(key);
  compare.set_target(etcdserverpb::Compare::CREATE);
  compare.set_create_revision(create_revision);
}

// The same, unless the key was last written at this revision; 0: it is not
// there.
inline void GuardValue(etcdserverpb::TxnRequest& request,
                       const std::string& key, int64_t mod_revision) {
  etcdserverpb::Compare& compare = *request.add_compare();
  compare.set_key(key);
  compare.set_target(etcdserverpb::Compare::MOD);
  compare.set_mod_revision(mod_revision);
}

// The key goes with the lease; 0: it stays.
inline void Put(etcdserverpb::TxnRequest& request, const std::string& key,
                const std::string& value, int64_t lease = 0) {
  etcdserverpb::PutRequest& put = *request.add_success()->mutable_request_put();
  put.set_key(key);
  put.set_value(value);
  put.set_lease(lease);
}

inline void Delete(etcdserverpb::TxnRequest& request, const std::string& key) {
  request.add_success()->mutable_request_delete_range()->set_key(key);
}

// The answer to a transaction that is refused has the key.
inline void ReadIfRefused(etcdserverpb::TxnRequest& request,
                          const std::string& key) {
  request.add_failure()->mutable_request_range()->set_key(key);
}

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_TRANSACTION_H_
