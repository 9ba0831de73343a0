// tcptool: a drop-in for the program of 2008, sender and recipient.
#include <unistd.h>

#include <atomic>
#include <exception>
#include <new>
#include <variant>

#include "client/tcptool/diagnostics.h"
#include "client/tcptool/options.h"
#include "client/tcptool/recipient.h"
#include "client/tcptool/sender.h"
#include "process/standard_descriptors.h"

namespace {

// Set while it lives.
std::atomic<tcptool::client::Diagnostics*> g_diagnostics = nullptr;

[[noreturn]] void ExitForWantOfMemory() {
  // What was said before comes first.
  if (auto* const diagnostics = g_diagnostics.exchange(nullptr)) {
    diagnostics->Flush();
  }
  constexpr char kText[] = "tcptool: Not enough memory (RAM/swap space)!\n";
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, kText, sizeof kText - 1);
  _exit(1);
}

int Run(int argc, char** argv, tcptool::client::Diagnostics& diagnostics) {
  using namespace tcptool::client;
  const auto options = ParseTcptoolOptions(argc, argv, diagnostics);
  if (const auto* sender = std::get_if<SenderOptions>(&options)) {
    return Send(*sender, diagnostics);
  }
  if (const auto* recipient = std::get_if<RecipientOptions>(&options)) {
    return Receive(*recipient, diagnostics);
  }
  return std::get<int>(options);
}

}  // namespace

int main(int argc, char** argv) {
  tcptool::ReserveStandardDescriptors();
  std::set_new_handler(ExitForWantOfMemory);
  // What nothing catches is a thread for which there was no memory
  // (pthread_create(3), EAGAIN).
  std::set_terminate(ExitForWantOfMemory);
  tcptool::client::Diagnostics diagnostics;
  g_diagnostics = &diagnostics;
  const int status = Run(argc, argv, diagnostics);
  g_diagnostics = nullptr;
  return status;
}
