// Streams that are cancelled at every stage, while other things happen. For the
// sanitizers as much as for the assertions: each stream must free itself.
#include <gtest/gtest.h>

#include <thread>

#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

using dataplane::Peer;

constexpr int kRounds = 20;

class WatchStream {
 public:
  WatchStream(InProcessService& service, v1::WatchSessionsRequest request)
      : reader_(service.stub().WatchSessions(&context_, request)) {}
  ~WatchStream() {
    if (!finished_) Cancel();
  }

  bool Read() { return reader_->Read(&message_); }
  const v1::WatchSessionsResponse& message() const { return message_; }
  bool ReadUntilBookmark() {
    while (Read()) {
      if (message_.bookmark()) return true;
    }
    return false;
  }
  grpc::StatusCode Finish() {
    finished_ = true;
    while (Read()) {
    }
    return reader_->Finish().error_code();
  }
  grpc::StatusCode Cancel() {
    context_.TryCancel();
    return Finish();
  }
  void TryCancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::WatchSessionsResponse>> reader_;
  v1::WatchSessionsResponse message_;
  bool finished_ = false;
};

class UploadStream {
 public:
  explicit UploadStream(InProcessService& service)
      : writer_(service.stub().UploadContent(&context_, &response_)) {}
  ~UploadStream() {
    if (finished_) return;
    context_.TryCancel();
    Finish();
  }

  bool Write(const std::string& name, std::string data, bool complete = false) {
    v1::UploadContentRequest request;
    request.set_name(name);
    request.set_offset(offset_);
    offset_ += static_cast<int64_t>(data.size());
    request.set_data(std::move(data));
    request.set_complete(complete);
    return writer_->Write(request);
  }
  void TryCancel() { context_.TryCancel(); }
  grpc::Status Finish() {
    finished_ = true;
    writer_->WritesDone();
    return writer_->Finish();
  }
  const v1::UploadContentResponse& response() const { return response_; }

 private:
  grpc::ClientContext context_;
  v1::UploadContentResponse response_;
  std::unique_ptr<grpc::ClientWriter<v1::UploadContentRequest>> writer_;
  int64_t offset_ = 0;
  bool finished_ = false;
};

class StreamsTest : public testing::Test {
 protected:
  // The service takes kMaxWatchers at a time: that each of many is taken shows
  // that those before have gone.
  void WatchManyTimes(const std::function<void(WatchStream&)>& use) {
    for (int i = 0; i < kRounds; ++i) {
      bool begun = false;
      EXPECT_TRUE(WaitUntil([&] {
        WatchStream watch(service, {});
        begun = watch.Read();
        if (begun) use(watch);
        return begun;
      }));
    }
  }

  InProcessService service;
};

TEST_F(StreamsTest, WatchThatIsCancelledAtOnce) {
  for (int i = 0; i < kRounds; ++i) {
    WatchStream watch(service, {});
    const grpc::StatusCode code = watch.Cancel();
    EXPECT_TRUE(code == grpc::StatusCode::CANCELLED ||
                code == grpc::StatusCode::RESOURCE_EXHAUSTED)
        << code;
  }
}

TEST_F(StreamsTest, WatchThatIsCancelledAfterItsSnapshot) {
  WatchManyTimes([](WatchStream& watch) {
    EXPECT_EQ(watch.Cancel(), grpc::StatusCode::CANCELLED);
  });
}

TEST_F(StreamsTest, WatchThatIsCancelledWhileThingsChange) {
  std::atomic<bool> stop = false;
  std::thread changes([&] {
    while (!stop) EXPECT_TRUE(service.Cancel(service.Create().name()).ok());
  });
  WatchManyTimes([](WatchStream& watch) {
    watch.Read();
    EXPECT_EQ(watch.Cancel(), grpc::StatusCode::CANCELLED);
  });
  stop = true;
  changes.join();
}

TEST_F(StreamsTest, WatchThatIsCancelledWhileItIsNotRead) {
  // Larger than what flow control lets through.
  for (int i = 0; i < 60; ++i) {
    grpc::ClientContext context;
    v1::CreateSessionRequest request;
    v1::SessionSpec& spec = *request.mutable_session()->mutable_spec();
    spec.mutable_upload();
    for (int j = 0; j < 500; ++j) {
      spec.add_expected()->set_address("192.0.2.1");
    }
    v1::Session session;
    const grpc::Status status =
        service.stub().CreateSession(&context, request, &session);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  WatchManyTimes([](WatchStream& watch) {
    EXPECT_EQ(watch.Cancel(), grpc::StatusCode::CANCELLED);
  });
}

TEST_F(StreamsTest, WatchOfAServiceThatStopsEndsWithABookmark) {
  WatchStream watch(service, {});
  ASSERT_TRUE(watch.ReadUntilBookmark());
  service.Create();
  std::thread stop([&] { service.hub().StopAll(); });
  bool bookmark = false;
  while (watch.Read()) bookmark = watch.message().bookmark();
  EXPECT_TRUE(bookmark);
  EXPECT_EQ(watch.Finish(), grpc::StatusCode::UNAVAILABLE);
  stop.join();
}

TEST_F(StreamsTest, WatchThatIsCancelledWhileTheServiceStops) {
  WatchStream watch(service, {});
  ASSERT_TRUE(watch.ReadUntilBookmark());
  std::thread stop([&] { service.hub().StopAll(); });
  watch.Cancel();
  stop.join();
}

TEST_F(StreamsTest, TooManyWatchersAreRefused) {
  WatchStream first(service, {});
  WatchStream second(service, {});
  ASSERT_TRUE(first.ReadUntilBookmark());
  ASSERT_TRUE(second.ReadUntilBookmark());
  WatchStream third(service, {});
  EXPECT_EQ(third.Finish(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(StreamsTest, UploadThatIsCancelledAtOnce) {
  for (int i = 0; i < kRounds; ++i) {
    const v1::Session session = service.Create();
    {
      UploadStream upload(service);
      upload.TryCancel();
    }
    // It never was the session's.
    EXPECT_EQ(service.Get(session.name()).state(), v1::SESSION_STATE_WAITING);
  }
}

TEST_F(StreamsTest, UploadThatIsCancelledAsItOpens) {
  for (int i = 0; i < kRounds; ++i) {
    const v1::Session session = service.Create();
    {
      UploadStream upload(service);
      upload.Write(session.name(), "x");
      upload.TryCancel();
    }
    // Whether the first message was seen or not, nothing hangs on.
    service.Cancel(session.name());
    const v1::SessionState state = service.Get(session.name()).state();
    EXPECT_TRUE(state == v1::SESSION_STATE_CANCELLED ||
                state == v1::SESSION_STATE_FAILED)
        << v1::SessionState_Name(state);
  }
}

TEST_F(StreamsTest, UploadThatIsCancelledHalfwayFailsTheSession) {
  for (int i = 0; i < kRounds; ++i) {
    const v1::Session session = service.Create();
    Peer peer(InProcessService::PortOf(session));
    peer.Say(1);
    {
      UploadStream upload(service);
      ASSERT_TRUE(upload.Write(session.name(), "begun"));
      ASSERT_EQ(peer.Read(5).data, "begun");
      upload.TryCancel();
    }
    EXPECT_EQ(peer.Read().error, ECONNRESET);
    EXPECT_TRUE(service.WaitForState(session.name(), v1::SESSION_STATE_FAILED));
  }
}

TEST_F(StreamsTest, UploadThatIsCancelledWhileItWaitsForRoom) {
  for (int i = 0; i < kRounds / 4; ++i) {
    const v1::Session session = service.Create();
    UploadStream upload(service);
    // Nobody takes it.
    std::thread writer([&] {
      const std::string chunk(InProcessService::kWindow / 4, 'x');
      while (upload.Write(session.name(), chunk)) {
      }
    });
    EXPECT_TRUE(WaitUntil([&] {
      return service.engine().Measure().window.held >=
             InProcessService::kWindow;
    }));
    upload.TryCancel();
    writer.join();
    EXPECT_EQ(upload.Finish().error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_TRUE(service.WaitForState(session.name(), v1::SESSION_STATE_FAILED));
  }
}

TEST_F(StreamsTest, UploadThatIsCancelledOnceItIsCompleteStaysWhole) {
  for (int i = 0; i < kRounds; ++i) {
    const v1::Session session = service.Create();
    Peer peer(InProcessService::PortOf(session));
    peer.Say(1);
    UploadStream upload(service);
    ASSERT_TRUE(upload.Write(session.name(), "all", /*complete=*/true));
    const Peer::Result all = peer.ReadAndClose();
    EXPECT_EQ(all.data, "all");
    EXPECT_EQ(all.error, 0);
    upload.TryCancel();
    EXPECT_TRUE(
        service.WaitForState(session.name(), v1::SESSION_STATE_SUCCEEDED));
  }
}

TEST_F(StreamsTest, SessionThatIsCancelledStopsItsUpload) {
  for (int i = 0; i < kRounds; ++i) {
    const v1::Session session = service.Create();
    UploadStream upload(service);
    std::thread writer([&] {
      const std::string chunk(InProcessService::kWindow / 8, 'x');
      while (upload.Write(session.name(), chunk)) {
      }
    });
    // At any stage.
    absl::SleepFor(absl::Microseconds(200 * i));
    EXPECT_TRUE(service.Cancel(session.name()).ok());
    writer.join();
    const grpc::StatusCode code = upload.Finish().error_code();
    EXPECT_TRUE(code == grpc::StatusCode::ABORTED ||
                code == grpc::StatusCode::FAILED_PRECONDITION)
        << code;
  }
}

TEST_F(StreamsTest, BothEndsGiveUpAtOnce) {
  for (int i = 0; i < kRounds; ++i) {
    const v1::Session session = service.Create();
    UploadStream upload(service);
    ASSERT_TRUE(upload.Write(session.name(), "x"));
    std::thread cancel([&] { service.Cancel(session.name()); });
    upload.TryCancel();
    cancel.join();
    EXPECT_TRUE(WaitUntil([&] {
      const v1::SessionState state = service.Get(session.name()).state();
      return state == v1::SESSION_STATE_CANCELLED ||
             state == v1::SESSION_STATE_FAILED;
    }));
  }
}

TEST_F(StreamsTest, OneOfTwoUploadersWins) {
  for (int i = 0; i < kRounds; ++i) {
    const v1::Session session = service.Create();
    grpc::StatusCode codes[2];
    {
      std::vector<std::thread> uploaders;
      for (grpc::StatusCode& code : codes) {
        uploaders.emplace_back([&] {
          UploadStream upload(service);
          upload.Write(session.name(), "all", /*complete=*/true);
          code = upload.Finish().error_code();
        });
      }
      for (std::thread& uploader : uploaders) uploader.join();
    }
    std::ranges::sort(codes);
    EXPECT_EQ(codes[0], grpc::StatusCode::OK);
    EXPECT_EQ(codes[1], grpc::StatusCode::FAILED_PRECONDITION);
  }
}

TEST_F(StreamsTest, OneOfTwoWithTheSameEtagWins) {
  for (int i = 0; i < kRounds; ++i) {
    const v1::Session session = service.Create();
    Peer peer(InProcessService::PortOf(session));
    peer.Say(0);
    ASSERT_TRUE(WaitUntil(
        [&] { return service.Get(session.name()).counts().ready() == 1; }));
    grpc::Status started;
    std::thread start([&] {
      grpc::ClientContext context;
      v1::StartSessionRequest request;
      request.set_name(session.name());
      request.set_etag(session.etag());
      v1::Session answer;
      started = service.stub().StartSession(&context, request, &answer);
    });
    const grpc::Status cancelled =
        service.Cancel(session.name(), session.etag());
    start.join();
    EXPECT_NE(started.ok(), cancelled.ok())
        << started.error_message() << "; " << cancelled.error_message();
    const grpc::Status& loser = started.ok() ? cancelled : started;
    EXPECT_EQ(loser.error_code(), grpc::StatusCode::ABORTED);
  }
}

}  // namespace
}  // namespace tcptool::server
