// Where the kernel encrypts: what it holds, and how long its key is good.
#include <algorithm>
#include <cerrno>

#include "dataplane/tls/kernel_tls.h"
#include "dataplane/tls/tls_connection.h"

namespace tcptool::dataplane {

int TlsConnection::CheckKernelKey(size_t size) {
  // A record has a byte of content at least. So, whatever the sizes of the
  // kernel's, since the last look there were no more of them than bytes.
  if (records_ + (content_ - content_at_look_) + size > kRecordsInKernel) {
    const int64_t records = KernelTlsRecords(wire_.socket);
    if (records < 0) return static_cast<int>(records);
    records_ = records;
    content_at_look_ = content_;
  }
  if (records_ + size <= kRecordsInKernel) return 0;
  error_ =
      "the kernel has encrypted as many records as one key is safe for, and "
      "takes no other: send less than 300 GiB in one session, or have the "
      "service encrypt by itself (tcptoold without --data-tls-kernel)";
  return failure_ = -EPROTO;
}

int TlsConnection::InFlightInKernel(int unacknowledged) {
  // The kernel's TLS may hold records that TCP has no room for, and the
  // beginning of one: SIOCOUTQ is TCP's, and knows nothing of them. What TCP
  // has acknowledged is compared instead with all that there is for the wire:
  // what went out before the kernel had the key, the content that it took, the
  // alerts, what its records have besides, however short they are, and the FIN.
  //
  // That is exact once all is acknowledged, and never too little: a record is
  // counted when it is encrypted, before TCP can have a byte of it; of one that
  // is not encrypted yet the content is counted, of which TCP has nothing. And
  // records begin in calls of this thread alone, so that none is added between
  // the two looks.
  const int64_t records = KernelTlsRecords(wire_.socket);
  if (records < 0) return static_cast<int>(records);
  TcpInfo info;
  if (const int error = wire_.sockets.Info(wire_.socket, &info); error < 0) {
    return error;
  }
  const uint64_t on_wire = wire_.queue.sent() + content_ + wire_.alerts +
                           records * RecordQueue::kOverhead +
                           (has_ended_ ? 1 : 0);
  const uint64_t left = on_wire - std::min(on_wire, info.bytes_acked);
  return std::max(unacknowledged, static_cast<int>(left));
}

}  // namespace tcptool::dataplane
