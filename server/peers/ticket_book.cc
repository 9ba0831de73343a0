#include "server/peers/ticket_book.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>

#include "absl/status/status.h"

namespace tcptool::server {

absl::StatusOr<TicketBook::Secret> TicketBook::Issue(uint64_t call,
                                                     const std::string& host,
                                                     Clock::time_point now) {
  Ticket ticket = {.call = call, .host = host, .expires = now + kLife};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(ticket.secret.data()),
                 static_cast<int>(ticket.secret.size())) != 1) {
    return absl::UnavailableError("the system has no random bytes");
  }
  absl::MutexLock lock(&mutex_);
  if (tickets_.size() == kMost) tickets_.pop_front();
  tickets_.push_back(ticket);
  return ticket.secret;
}

std::optional<uint64_t> TicketBook::Redeem(
    std::span<const std::byte, 32> secret, Clock::time_point now) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(tickets_,
                [now](const Ticket& ticket) { return ticket.expires <= now; });
  auto found = tickets_.end();
  for (auto ticket = tickets_.begin(); ticket != tickets_.end(); ++ticket) {
    // All of them: the time says nothing of how much of one was right.
    if (CRYPTO_memcmp(ticket->secret.data(), secret.data(), secret.size()) ==
        0) {
      found = ticket;
    }
  }
  if (found == tickets_.end()) return std::nullopt;
  const uint64_t call = found->call;
  tickets_.erase(found);
  return call;
}

size_t TicketBook::CountOf(const std::string& host,
                           Clock::time_point now) const {
  absl::MutexLock lock(&mutex_);
  return std::ranges::count_if(tickets_, [&](const Ticket& ticket) {
    return ticket.host == host && ticket.expires > now;
  });
}

void TicketBook::Revoke(uint64_t call) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(tickets_,
                [call](const Ticket& ticket) { return ticket.call == call; });
}

}  // namespace tcptool::server
