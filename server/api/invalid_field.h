// The error for fields of a request that are wrong.
#ifndef TCPTOOL_SERVER_API_INVALID_FIELD_H_
#define TCPTOOL_SERVER_API_INVALID_FIELD_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"

namespace tcptool::server {

// The fields of a request that are wrong, in the order in which they are found.
class InvalidFields {
 public:
  // More are not kept: an error has little room.
  static constexpr int kMost = 32;

  // `path`: of the field from the request on, "session.spec.allow[1]". Of
  // several things that are wrong with a field the first is kept, as the others
  // may follow from it.
  void Add(absl::string_view path, absl::string_view what);
  // Those of another's status(); of any other status none.
  void AddOf(const absl::Status& status);

  bool empty() const { return violations_.field_violations().empty(); }
  bool full() const { return violations_.field_violations_size() == kMost; }

  // INVALID_ARGUMENT, with the first field's path and what is wrong with it as
  // the message, and all of them in its details; OK if there are none.
  absl::Status status() const;

 private:
  google::rpc::BadRequest violations_;
};

// The same for one field.
absl::Status InvalidField(absl::string_view path, absl::string_view what);

// What two checks of one request say: `first`, or, if that is OK, `second`; if
// both are of wrong fields, those of both.
absl::Status BothChecks(const absl::Status& first, const absl::Status& second);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_INVALID_FIELD_H_
