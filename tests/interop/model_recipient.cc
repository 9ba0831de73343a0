// A model of the recipient of 2008, after its manual: connects, sends its byte,
// and writes what it reads to standard output, until an orderly end.
//
// usage: model_recipient ADDRESS PORT wait|start
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

[[noreturn]] void Die(const char* text) {
  std::fprintf(stderr, "model_recipient: %s\n", text);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) Die("usage: model_recipient ADDRESS PORT wait|start");
  const int sender = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::stoul(argv[2])));
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1 ||
      connect(sender, reinterpret_cast<sockaddr*>(&address), sizeof address) !=
          0) {
    Die("Failed to connect to sender!");
  }
  const char byte = std::string_view(argv[3]) == "start" ? 1 : 0;
  if (write(sender, &byte, 1) != 1) {
    Die("Failed to send initialization byte to sender!");
  }
  char block[4096];
  ssize_t got;
  while ((got = read(sender, block, sizeof block)) > 0) {
    for (ssize_t done = 0; done < got;) {
      const ssize_t written = write(STDOUT_FILENO, block + done, got - done);
      if (written <= 0) Die("Problem while writing to output file!");
      done += written;
    }
  }
  if (got < 0) Die("The connection was lost!");
  return 0;
}
