// Lines that are drawn again in their place on a terminal, by the control
// functions of ECMA-48. A pure function.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_REDRAW_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_REDRAW_H_

#include <cstddef>
#include <string>
#include <vector>

namespace tcptool {

// What to write so that `after` is where `before` is, with the cursor at the
// start of the line below both before and after. Only lines that differ are
// written, and no part of the screen is erased before there is something else
// to see in its place: nothing flickers. No line takes more than `columns`, and
// `before` is still on the screen as a whole.
std::string Redraw(const std::vector<std::string>& before,
                   const std::vector<std::string>& after, size_t columns);

// The same for a terminal of one row, which a line below would scroll away: the
// cursor is anywhere in that row before, and at the line's end after.
std::string RedrawOnly(const std::string& line, size_t columns);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_REDRAW_H_
