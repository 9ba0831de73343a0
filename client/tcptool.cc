// tcptool: a drop-in for the program of 2008, sender and recipient.
#include <unistd.h>

#include <new>
#include <variant>

#include "client/diagnostics.h"
#include "client/tcptool_options.h"
#include "client/tcptool_recipient.h"
#include "client/tcptool_sender.h"

int main(int argc, char** argv) {
  using namespace tcptool::client;
  std::set_new_handler([] {
    constexpr char kText[] = "tcptool: Not enough memory (RAM/swap space)!\n";
    [[maybe_unused]] const ssize_t written =
        write(STDERR_FILENO, kText, sizeof kText - 1);
    _exit(1);
  });
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
