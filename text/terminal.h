// What a terminal can do.
#ifndef TCPTOOL_TEXT_TERMINAL_H_
#define TCPTOOL_TEXT_TERMINAL_H_

namespace tcptool {

// Whether `fd` is a terminal on which text may be drawn again in its place: not
// if TERM is "dumb" or not set, or if NO_COLOR is set (no-color.org), since who
// reads such terminals, as screen readers do, wants plain lines.
bool CanRedraw(int fd);

}  // namespace tcptool

#endif  // TCPTOOL_TEXT_TERMINAL_H_
