// A model of the sender of 2008, after its manual: one process accepts, and
// reads one byte from each client before it looks at the next; a process for
// each client sends what comes through a pipe. Blocking throughout, in small
// blocks.
//
// usage: model_sender PORT MAXCLIENTS [FILE]   (MAXCLIENTS 0: unlimited)
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr size_t kBlockSize = 4096;

[[noreturn]] void Die(const char* text) {
  std::fprintf(stderr, "model_sender: %s\n", text);
  std::exit(1);
}

// False: `to` takes no more.
bool WriteAll(int to, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = write(to, data, size);
    if (written <= 0) return false;
    data += written;
    size -= written;
  }
  return true;
}

int Listen(uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) !=
      0) {
    Die("Failed to bind to specified port!");
  }
  if (listen(listener, 5) != 0) {
    Die("Failed to listen for connection attempts!");
  }
  return listener;
}

// The process of one client: from the pipe to the connection.
[[noreturn]] void Serve(int pipe_end, int connection) {
  char block[kBlockSize];
  ssize_t got;
  while ((got = read(pipe_end, block, sizeof block)) > 0) {
    if (!WriteAll(connection, block, got)) _exit(1);
  }
  _exit(got < 0 ? 1 : 0);
}

struct Client {
  pid_t process;
  int pipe_end;
};

Client Fork(int connection, const std::vector<Client>& others) {
  int ends[2];
  if (pipe(ends) != 0) {
    Die("Failed to create pipe for communication with sender process!");
  }
  const pid_t process = fork();
  if (process < 0) Die("Failed to create new process for connection!");
  if (process == 0) {
    close(ends[1]);
    for (const Client& other : others) close(other.pipe_end);
    Serve(ends[0], connection);
  }
  close(ends[0]);
  close(connection);
  return {process, ends[1]};
}

std::vector<Client> Gather(int listener, size_t max_clients) {
  std::vector<Client> clients;
  bool start = false;
  while (!start && (max_clients == 0 || clients.size() < max_clients)) {
    const int connection = accept(listener, nullptr, nullptr);
    if (connection < 0) Die("Failed to accept client connection!");
    char byte = 0;
    if (read(connection, &byte, 1) != 1) {
      close(connection);
      continue;
    }
    start = (byte & 1) != 0;
    clients.push_back(Fork(connection, clients));
  }
  return clients;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3 || argc > 4) {
    Die("usage: model_sender PORT MAXCLIENTS [FILE]");
  }
  std::signal(SIGPIPE, SIG_IGN);
  const int input = argc == 4 ? open(argv[3], O_RDONLY) : STDIN_FILENO;
  if (input < 0) Die("Failed to open input file!");
  const int listener = Listen(static_cast<uint16_t>(std::stoul(argv[1])));
  std::vector<Client> clients = Gather(listener, std::stoul(argv[2]));
  close(listener);

  char block[kBlockSize];
  ssize_t got;
  while ((got = read(input, block, sizeof block)) > 0) {
    for (Client& client : clients) {
      if (client.pipe_end >= 0 && !WriteAll(client.pipe_end, block, got)) {
        close(std::exchange(client.pipe_end, -1));
      }
    }
  }
  bool good = got == 0;
  for (const Client& client : clients) close(client.pipe_end);
  for (const Client& client : clients) {
    int status = 0;
    waitpid(client.process, &status, 0);
    good = good && status == 0;
  }
  return good ? 0 : 1;
}
