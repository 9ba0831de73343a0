// A distribution as the tree of nodes through which its content goes. Pure
// functions, as those of distribution_text.h.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_TREE_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_TREE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/tcptoolctl/screen.h"
#include "tcptool/v1/distribution.pb.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool {

// What is known of a distribution at one moment. Its parts may be of different
// moments: the tree may have circles.
struct DistributionPicture {
  v1::Distribution distribution;
  std::string source;  // The node that has the file.
  std::vector<v1::Delivery> deliveries;
  std::map<std::string, std::string> racks;  // By nodes.
  // By which the node that is asked gets the content, while it does.
  std::optional<v1::Reception> reception;
};

// Whether the source's node has the file and gets nothing, so that no delivery
// stands for it. Not of an upload, nor before the source is known.
bool HasSourceAside(const DistributionPicture& picture);

// "this node: RECEIVING, 3.0 MiB of 8.0 MiB, 1.0 MiB/s, 5s left".
std::string ReceptionHere(const v1::Reception& reception);

// The distribution, then a line for each node, those of a rack together, each
// behind the one that it has the content from; an only child is not indented,
// so that chains need no columns. Fewer lines than `size` has rows, but one at
// least: what does not fit is summed in the last one, what has ended well
// before what has not. Lines may be wider than `size`, by what is least
// important.
std::vector<std::string> DistributionTree(const DistributionPicture& picture,
                                          TerminalSize size);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_TREE_H_
