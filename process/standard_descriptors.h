// Standard input, output and error that the process was started without.
#ifndef TCPTOOL_PROCESS_STANDARD_DESCRIPTORS_H_
#define TCPTOOL_PROCESS_STANDARD_DESCRIPTORS_H_

namespace tcptool {

// The kernel gives out the lowest descriptor that is free. Of a process that is
// started with one of the first three closed (`<&-`, `2>&-`), a socket or a
// file would become its standard input or error, and get what is written there.
// Takes the numbers that are free for descriptors that can neither be read nor
// written: whoever tries gets EBADF, as if they were closed still. Call it
// first in main().
void ReserveStandardDescriptors();

// Whether what is read from standard input, or written to standard output, can
// come from or get anywhere.
bool StandardInputIsOpen();
bool StandardOutputIsOpen();

}  // namespace tcptool

#endif  // TCPTOOL_PROCESS_STANDARD_DESCRIPTORS_H_
