// Names of nodes and racks in a column that is too narrow for them.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_SHORT_NAMES_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_SHORT_NAMES_H_

#include <cstddef>
#include <map>
#include <set>
#include <string>

namespace tcptool {

// What is shown of each of several names: all of it, printable, until it is
// made shorter. Not for several threads.
class ShortNames {
 public:
  explicit ShortNames(const std::set<std::string>& names);

  // How many columns the widest takes.
  size_t Widest() const;

  // Leaves out the domain that all of those share that have one, as
  // ".eu-central-1.compute.internal", if all are told apart without.
  void DropDomain();

  // What is wider than `columns`, which are 3 or more, has "…" in place of its
  // middle, so that as many as can be are told apart.
  void Cut(size_t columns);

  // `name` is one of them.
  const std::string& Of(const std::string& name) const {
    return shown_.at(name);
  }

 private:
  std::map<std::string, std::string> shown_;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_SHORT_NAMES_H_
