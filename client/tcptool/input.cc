#include "client/tcptool/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>

#include "dataplane/content/open_content.h"
#include "process/standard_descriptors.h"

namespace tcptool::client {
namespace {

constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

absl::Status Error(int error) {
  return absl::FailedPreconditionError(std::generic_category().message(error));
}

}  // namespace

absl::StatusOr<Input> OpenInput(const std::string& name) {
  if (name.empty() && !StandardInputIsOpen()) return Error(EBADF);
  Input input;
  dataplane::UniqueFd opened(name.empty()
                                 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                 : open(name.c_str(), kOpenFlags));
  struct stat status;
  if (!opened.valid() || fstat(opened.get(), &status) != 0) return Error(errno);
  if (S_ISDIR(status.st_mode)) return Error(EISDIR);
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    input.descriptor = std::move(opened);
    input.stream = std::make_shared<dataplane::StreamSource>(
        dataplane::StreamSource::kDefaultWindow,
        dataplane::StreamSource::kNear);
    input.source = input.stream;
    return input;
  }
  // A shell may have read some of standard input already.
  const off_t offset = lseek(opened.get(), 0, SEEK_CUR);
  auto source = dataplane::OpenContent(
      dataplane::RandomAccessFile::FromDescriptor(opened.release()),
      offset > 0 ? offset : 0, std::nullopt);
  if (!source.ok()) return source.status();
  input.source = *std::move(source);
  return input;
}

}  // namespace tcptool::client
