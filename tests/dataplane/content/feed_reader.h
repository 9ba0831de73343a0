// Reads a source to its end, as a recipient that is always the fastest and the
// slowest.
#ifndef TCPTOOL_TESTS_DATAPLANE_CONTENT_FEED_READER_H_
#define TCPTOOL_TESTS_DATAPLANE_CONTENT_FEED_READER_H_

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <memory>
#include <semaphore>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/lane.h"

namespace tcptool::dataplane {

// One thread at a time uses it; the feed lives on a lane.
class FeedReader {
 public:
  explicit FeedReader(std::shared_ptr<Source> source)
      : source_(std::move(source)) {}
  ~FeedReader() {
    disk_.Join();  // What is run for the disk posts to the lane.
    Forget();
  }

  // Reads, and lets go of what it has read, until it has `size` bytes or the
  // content ends, or cannot be had.
  std::string Read(size_t size = ~size_t{0}) {
    Open();
    while (content_.size() < size) {
      OnLane([this] { ReadPiece(); });
      if (last_ == Piece::Kind::kWait) {
        woken_.acquire();
      } else if (last_ != Piece::Kind::kData) {
        break;
      }
    }
    return content_;
  }
  // Opens the feed, if it is not open yet.
  void Open() {
    if (feed_ != nullptr) return;
    OnLane([this] {
      feed_ = source_->OpenFeed(lane_, [this] { woken_.release(); });
    });
  }
  // Lets go of the source and its feed.
  void Forget() {
    OnLane([this] {
      feed_ = nullptr;
      source_ = nullptr;
    });
  }
  // What the feed answered last, and why if that was kError.
  Piece::Kind last() const { return last_; }
  // Asks until it answers that it waits, for a disk or not, as `of_disk` says.
  void AwaitWait(bool of_disk) {
    for (;;) {
      OnLane([this] { ReadPiece(); });
      ASSERT_EQ(last_, Piece::Kind::kWait);
      if (of_disk_ == of_disk) return;
      woken_.acquire();
    }
  }
  absl::Status error() {
    absl::Status error;
    OnLane([&] { error = feed_->error(); });
    return error;
  }

 private:
  void ReadPiece() {
    const Piece piece = feed_->At(content_.size(), SendMethod::kCopy);
    last_ = piece.kind;
    of_disk_ = piece.of_disk;
    if (piece.kind != Piece::Kind::kData) return;
    content_.append(reinterpret_cast<const char*>(piece.data.data()),
                    piece.data.size());
    feed_->Moved(content_.size(), content_.size());
  }
  template <typename Function>
  void OnLane(Function function) {
    absl::Notification done;
    asio::post(lane_.io(), [&] {
      function();
      done.Notify();
    });
    done.WaitForNotification();
  }

  DiskThreads disk_;
  std::counting_semaphore<> woken_{0};
  Lane lane_{SocketApi::Real(), disk_};
  std::shared_ptr<Source> source_;
  std::unique_ptr<Feed> feed_;
  std::string content_;
  Piece::Kind last_ = Piece::Kind::kWait;
  bool of_disk_ = false;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_CONTENT_FEED_READER_H_
