// How a content that is still being received comes here.
#ifndef TCPTOOL_DATAPLANE_CONTENT_ROUTE_H_
#define TCPTOOL_DATAPLANE_CONTENT_ROUTE_H_

#include <string>
#include <vector>

namespace tcptool::dataplane {

struct Route {
  // Whom it comes through: the ids (see Destination) of the reception here, of
  // the one that it follows, and so on. Empty where it is all here, where that
  // is not known, or where nobody can follow in a circle.
  std::vector<std::string> path;
  // Nobody sends it at the moment: the reception has no source, or one that has
  // none itself, and none of its other sources has the content.
  bool is_stranded = false;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_ROUTE_H_
