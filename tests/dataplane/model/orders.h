// The orders of events that are tried, each written as a word of letters.
#ifndef TCPTOOL_TESTS_DATAPLANE_MODEL_ORDERS_H_
#define TCPTOOL_TESTS_DATAPLANE_MODEL_ORDERS_H_

#include <cstddef>
#include <string>
#include <vector>

namespace tcptool::dataplane {

// What can happen to one recipient's connection. The last three end it.
enum Event : char {
  kByte = 'b',         // The recipient says that it is ready.
  kStartByte = 'B',    // And that the transfer starts now.
  kFin = 'F',          // It ends its side: a half-close.
  kUrgent = 'U',       // It sends a byte of urgent data.
  kMuch = 'M',         // It sends more than the sender has room for.
  kRead = 'r',         // It begins to read what comes.
  kStopReading = 's',  // It stops.
  kChange = 'C',       // The file is overwritten in place, all of it.
  kReset = 'R',        // The recipient resets the connection.
  kKill = 'K',         // The recipient's process is killed.
  kKillSender = 'X',   // The sender's process is killed.
};

// All words of at most `length` events that differ in what happens: none in
// which something follows the end, or is said twice without an effect.
std::vector<std::string> AllOrders(size_t length);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_MODEL_ORDERS_H_
