// The floor: the least that a sender can do. Waits until N recipients are
// connected and one has sent its start byte, then sends them a file, block by
// block in turn, in one thread, with blocking calls. It checks nothing and
// proves nothing.
//
//   floor sendfile|copy ADDRESS:PORT N FILE [--no-cork]

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr size_t kBlockSize = size_t{1} << 20;

void Check(bool good, const char* what) {
  if (good) return;
  std::cerr << "floor: " << what << ": " << std::strerror(errno) << "\n";
  std::exit(1);
}

int Listen(const std::string& text) {
  const size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(std::stoi(text.substr(colon + 1)));
  inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  Check(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) ==
                0 &&
            listen(listener, SOMAXCONN) == 0,
        "listen");
  return listener;
}

void WaitForStart(const std::vector<int>& sockets) {
  for (const int socket : sockets) {
    char byte = 0;
    Check(recv(socket, &byte, 1, 0) == 1, "recv");
  }
}

void SendFile(const std::vector<int>& sockets, int file, off_t size) {
  for (off_t start = 0; start < size; start += kBlockSize) {
    const off_t end = std::min<off_t>(start + kBlockSize, size);
    for (const int socket : sockets) {
      off_t offset = start;
      while (offset < end) {
        Check(sendfile(socket, file, &offset, end - offset) > 0, "sendfile");
      }
    }
  }
}

void Copy(const std::vector<int>& sockets, int file) {
  const auto block = std::make_unique_for_overwrite<char[]>(kBlockSize);
  ssize_t size;
  while ((size = read(file, block.get(), kBlockSize)) > 0) {
    for (const int socket : sockets) {
      Check(send(socket, block.get(), size, MSG_NOSIGNAL) == size, "send");
    }
  }
  Check(size == 0, "read");
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv, argv + argc);
  if (argc < 5) {
    std::cerr << "usage: floor sendfile|copy ADDRESS:PORT N FILE [--no-cork]\n";
    return 2;
  }
  const int cork = arguments.back() == "--no-cork" ? 0 : 1;
  const int file = open(argv[4], O_RDONLY);
  struct stat status {};
  Check(fstat(file, &status) == 0, argv[4]);
  const int listener = Listen(argv[2]);
  std::vector<int> sockets(std::stoul(argv[3]));
  for (int& socket : sockets) {
    socket = accept(listener, nullptr, nullptr);
    Check(socket >= 0, "accept");
    setsockopt(socket, IPPROTO_TCP, TCP_CORK, &cork, sizeof cork);
  }
  WaitForStart(sockets);
  if (arguments[1] == "sendfile") {
    SendFile(sockets, file, status.st_size);
  } else {
    Copy(sockets, file);
  }
}
