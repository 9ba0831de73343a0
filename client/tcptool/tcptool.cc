// tcptool: a drop-in for the program of 2008, sender and recipient.
#include <unistd.h>

#include <exception>
#include <new>
#include <variant>

#include "client/tcptool/diagnostics.h"
#include "client/tcptool/options.h"
#include "client/tcptool/recipient.h"
#include "client/tcptool/sender.h"

namespace {

[[noreturn]] void ExitForWantOfMemory() {
  constexpr char kText[] = "tcptool: Not enough memory (RAM/swap space)!\n";
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, kText, sizeof kText - 1);
  _exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace tcptool::client;
  std::set_new_handler(ExitForWantOfMemory);
  // What nothing catches is a thread for which there was no memory
  // (pthread_create(3), EAGAIN).
  std::set_terminate(ExitForWantOfMemory);
  Diagnostics diagnostics;
  const auto options = ParseTcptoolOptions(argc, argv, diagnostics);
  if (const auto* sender = std::get_if<SenderOptions>(&options)) {
    return Send(*sender, diagnostics);
  }
  if (const auto* recipient = std::get_if<RecipientOptions>(&options)) {
    return Receive(*recipient, diagnostics);
  }
  return std::get<int>(options);
}
