// A content that is being received, written aside: its name appears only with
// the whole of it.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_PARTIAL_FILE_H_
#define TCPTOOL_DATAPLANE_RECEIVING_PARTIAL_FILE_H_

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/receiving/file_api.h"
#include "dataplane/receiving/file_mark.h"
#include "dataplane/receiving/range_map.h"

namespace tcptool::dataplane {

// Where a content goes.
struct Destination {
  // Of the name; opened for reading (not O_PATH), since it is synced.
  UniqueFd directory;
  // Opens the directory that its path leads to by now; may wait for the disk,
  // and is called on the threads that PartialFile is. Null: nobody minds that
  // it is another one.
  std::function<absl::StatusOr<UniqueFd>()> find;
  std::string name;  // Without '/'.
  // Names the partial file, "ID" in kPartialPrefix + ID: letters, digits, '-'
  // and '_', 64 at most. Unique among those who receive into the directory.
  std::string id;
  bool overwrite = false;
  // Whether the partial file can be taken up again: a range map is written
  // beside it.
  bool resumable = false;
};

inline constexpr char kPartialPrefix[] = ".tcptool-part.";
inline constexpr char kMapSuffix[] = ".map";

// Whether the content may have its name, as far as can be seen before.
// INVALID_ARGUMENT: the name or the id is none. ALREADY_EXISTS: a file has the
// name, and `overwrite` is not set. FAILED_PRECONDITION: what has it is no
// regular file. May wait for the disk.
absl::Status CheckDestination(const Destination& destination);

// The file ".tcptool-part.ID" in the directory of the content's name, and its
// range map ".tcptool-part.ID.map". Whoever has one open holds flock(2) on it.
// What has these names, and is no regular file, is not opened:
// FAILED_PRECONDITION. What has the map's name and another one too is not
// written to, and has that alone then.
//
// All methods may wait for the disk. Write(), Read() and Allocate() may be
// called by several threads at a time, the others by one. Errors name what
// failed, with the system's reason: RESOURCE_EXHAUSTED means that there is no
// room, and says how much is missing, as far as that is known; UNAVAILABLE,
// that the process or the system lacks descriptors or memory for the moment, or
// that the file system does not answer.
class PartialFile {
 public:
  // What an earlier attempt of this id has left is emptied, or, where it has
  // another name too, left to that. ABORTED: somebody else has it open.
  static absl::StatusOr<std::unique_ptr<PartialFile>> Create(
      FileApi& files, Destination destination);
  // Takes up what an earlier attempt of this id has left: see kept(). What lies
  // behind the last checkpoint is dropped. NOT_FOUND: there is nothing, or what
  // there is has another name too, and is left to that.
  static absl::StatusOr<std::unique_ptr<PartialFile>> Resume(
      FileApi& files, Destination destination);
  // Resume(), if `resume` and there is something to be taken up, else Create().
  // After an error `destination` is as before, so that it can be tried again.
  static absl::StatusOr<std::unique_ptr<PartialFile>> CreateOrResume(
      FileApi& files, Destination& destination, bool resume);

  // The file stays as it is, unless it was committed or abandoned.
  ~PartialFile() = default;

  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  // The digests of the blocks that are on the disk, from the content's start:
  // those that Resume() found, and those of each Checkpoint().
  const std::vector<Digest>& kept() const { return map_.blocks(); }

  // The content has `length` bytes, as far as is known: the file system sets
  // them aside, if it can, so that a lack of room is known before they come. No
  // effect after EndAt().
  absl::Status Allocate(uint64_t length);
  absl::Status Write(uint64_t offset, std::span<const std::byte> data);
  // Fills `buffer` with what was written at `offset` before.
  absl::Status Read(uint64_t offset, std::span<std::byte> buffer) const;
  // The number of bytes, less where the file ends, or -errno.
  ssize_t ReadUpTo(uint64_t offset, std::span<std::byte> buffer) const {
    return files_.ReadAt(file_.get(), offset, buffer);
  }
  // All that was written before the call is on the disk when it returns.
  // `blocks`, which that includes, go into the range map, if there is one, and
  // so are kept() after a crash. None: the map stays as it is.
  absl::Status Checkpoint(std::span<const Digest> blocks);
  // Empties it, and keeps nothing but the room that was set aside, if there is
  // that.
  absl::Status Restart();
  // The content, all of which is written, has `length` bytes: what lies behind
  // them, of another one that was dropped, goes, and the room that was set
  // aside for that. Before Mark(), as it is a write. DATA_LOSS: the file has
  // less.
  absl::Status EndAt(uint64_t length);
  // See MarkOf().
  absl::StatusOr<std::string> Mark() const { return MarkOf(file_.get()); }
  // Puts the content, which is whole, under its name: on the disk when it
  // returns OK. ALREADY_EXISTS: somebody was faster. ABORTED:
  // somebody has replaced the partial file, or the directory is not the one any
  // more that its path leads to; errors of Destination.find are returned as
  // they are, but RESOURCE_EXHAUSTED, which is of descriptors, as UNAVAILABLE.
  // An error after the rename, which only a directory gives that fails or is
  // moved in that moment, leaves the whole content under the name there;
  // committed() tells.
  absl::Status Commit();
  bool committed() const { return committed_; }
  // See StampOf(); that of no file if the system does not say.
  FileStamp Stamp() const { return StampOf(file_.get()).value_or(FileStamp()); }
  // Removes it and its range map; where another process has replaced the file,
  // the map alone, if that is still this one's. No effect once it is committed.
  void Abandon();

 private:
  PartialFile(FileApi& files, Destination destination);

  // As CreateOrResume(), by one of the two after it.
  static absl::StatusOr<std::unique_ptr<PartialFile>> OpenBy(
      absl::Status (PartialFile::*open)(), FileApi& files,
      Destination& destination);
  // Create()'s, and Resume()'s.
  absl::Status Begin();
  absl::Status TakeUp();
  // The descriptor of the file, locked; creates it if `flags` has O_CREAT.
  absl::Status OpenAndLock(int flags);
  // The map; a new one if `flags` has O_CREAT.
  absl::Status OpenMap(int flags);
  // What has the name in the directory, if that is a regular file, or created;
  // `flags` besides those that are needed always.
  absl::StatusOr<UniqueFd> Open(const std::string& name, int flags,
                                const std::string& doing) const;
  absl::Status LoadMap();
  // Whether the directory has this file, which is open, under the name.
  absl::Status CheckName(const std::string& name, const UniqueFd& file) const;
  // Whether the directory is still the one that its path leads to.
  absl::Status CheckPlace() const;
  // Commit() up to the rename.
  absl::Status PutUnderName();
  absl::Status RenameWithoutReplacing();
  // What the system's `error` means; OK for 0.
  absl::Status Result(int error, const std::string& doing) const;
  // What the content lacks on a file system that has no room for it.
  std::string Room(bool is_quota) const;

  FileApi& files_;
  Destination destination_;
  const std::string partial_name_;
  const std::string map_name_;
  UniqueFd file_;
  UniqueFd map_file_;  // Not valid: not resumable.
  RangeMap map_;
  std::atomic<uint64_t> length_ = 0;  // 0: not known.
  // The kernel lets one thread at a time write to a file, and has the others
  // spin; with this they sleep.
  absl::Mutex write_mutex_;
  // Held while room is set aside or given back, by whichever thread.
  absl::Mutex room_mutex_;
  // The most that was set aside.
  uint64_t allocated_ ABSL_GUARDED_BY(room_mutex_) = 0;
  bool has_end_ ABSL_GUARDED_BY(room_mutex_) = false;  // Since EndAt().
  bool committed_ = false;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_PARTIAL_FILE_H_
