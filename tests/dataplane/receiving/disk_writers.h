// A reception's writer, into a file in a folder of its own.
#ifndef TCPTOOL_TESTS_DATAPLANE_RECEIVING_DISK_WRITERS_H_
#define TCPTOOL_TESTS_DATAPLANE_RECEIVING_DISK_WRITERS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "dataplane/receiving/disk_writer.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {

inline std::span<const std::byte> BlockOf(const std::string& content,
                                          uint64_t index) {
  const uint64_t start = index * kManifestBlock;
  return std::as_bytes(std::span(content))
      .subspan(start,
               std::min<uint64_t>(kManifestBlock, content.size() - start));
}

inline std::vector<Digest> DigestsOf(const std::string& content) {
  std::vector<Digest> digests;
  for (uint64_t i = 0; i < CountBlocks(content.size()); ++i) {
    digests.push_back(Sha256::Of(BlockOf(content, i)));
  }
  return digests;
}

inline Digest Sha256Of(const std::string& content) {
  return Sha256::Of(std::as_bytes(std::span(content)));
}

class DiskWriterTest : public testing::Test {
 protected:
  ~DiskWriterTest() override { disk_.Join(); }

  void Make(DiskWriter::Options options = {}, FileApi& files = FileApi::Real(),
            bool resume = false) {
    Destination destination = folder_.To("content");
    destination.resumable = true;
    auto file = resume ? PartialFile::Resume(files, std::move(destination))
                       : PartialFile::Create(files, std::move(destination));
    ASSERT_TRUE(file.ok()) << file.status();
    writer_ = std::make_shared<DiskWriter>(
        disk_, DiskThreads::Client{.disk = 1, .file = this}, *std::move(file),
        options, [this] {
          absl::MutexLock lock(&mutex_);
          ++changes_;
        });
  }

  // False: it did not come true in time.
  bool WaitFor(const std::function<bool(const DiskWriter::State&)>& holds) {
    const absl::Time deadline = absl::Now() + kDeadline;
    for (;;) {
      int seen = 0;
      {
        absl::MutexLock lock(&mutex_);
        seen = changes_;
      }
      if (holds(writer_->state())) return true;
      const auto changed = [this, seen] { return changes_ != seen; };
      absl::MutexLock lock(&mutex_);
      if (!mutex_.AwaitWithDeadline(absl::Condition(&changed), deadline)) {
        return false;
      }
    }
  }
  bool WaitUntilIdle() {
    return WaitFor([](const DiskWriter::State& state) { return state.idle; });
  }
  bool WaitUntilComplete() {
    return WaitFor([](const DiskWriter::State& state) {
      return state.idle && (state.complete || !state.error.ok());
    });
  }

  // And waits until it is done.
  void Rewind(uint64_t index, bool forgets_all = false) {
    absl::Notification rewound;
    writer_->Rewind(index, forgets_all, [&rewound](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      rewound.Notify();
    });
    rewound.WaitForNotification();
  }

  // The tasks of the disk's threads have let go of it too, and of its file.
  void End() {
    const std::weak_ptr<DiskWriter> ended = std::exchange(writer_, nullptr);
    while (!ended.expired()) std::this_thread::yield();
  }

  // As a receiver does; false: there is no memory for it.
  bool Give(uint64_t index, std::span<const std::byte> data) {
    const DiskWriter::Block block = writer_->Open(index);
    if (block == nullptr) return false;
    std::memcpy(block->data(), data.data(), data.size());
    writer_->Write(index, block, data.size());
    return true;
  }
  // All of it from block `first` on, waiting for memory.
  void GiveAll(const std::string& content, uint64_t first = 0) {
    for (uint64_t i = first; i < CountBlocks(content.size()); ++i) {
      ASSERT_TRUE(WaitFor([&](const DiskWriter::State&) {
        return Give(i, BlockOf(content, i));
      }));
    }
    writer_->Complete(content.size());
  }

  // An earlier writer has kept the first `blocks` of the content; it has ended.
  void Keep(const std::string& content, uint64_t blocks) {
    Make();
    for (uint64_t i = 0; i < blocks; ++i) Give(i, BlockOf(content, i));
    ASSERT_TRUE(WaitUntilIdle());
    const std::vector<Digest> digests = DigestsOf(content);
    ASSERT_TRUE(
        writer_->file()->Checkpoint(std::span(digests).first(blocks)).ok());
    End();
  }

  const Folder folder_;
  DiskThreads disk_;
  absl::Mutex mutex_;
  int changes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<DiskWriter> writer_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_RECEIVING_DISK_WRITERS_H_
