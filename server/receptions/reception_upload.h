// The content of a distribution as a client sends it, message by message.
#ifndef TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOAD_H_
#define TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOAD_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "dataplane/receiving/pushed_content.h"
#include "server/sessions/upload_order.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool::server {

// The producer of a reception whose source is an upload. Not thread-safe,
// unless a method says otherwise.
class ReceptionUpload {
 public:
  // `name`: the distribution's. Nobody has pushed into `content` yet.
  ReceptionUpload(std::string name,
                  std::shared_ptr<dataplane::PushedContent> content)
      : order_(std::move(name)), content_(std::move(content)) {}
  // Nothing is called any more.
  ~ReceptionUpload() { content_->SetOnChange(nullptr); }
  ReceptionUpload(const ReceptionUpload&) = delete;
  ReceptionUpload& operator=(const ReceptionUpload&) = delete;

  const std::string& name() const { return order_.name(); }

  // Moves the data out of `request` and gives it to the reception.
  // INVALID_ARGUMENT: the message does not continue the upload.
  absl::Status Take(v1::UploadDistributionRequest& request);

  bool complete() const { return order_.complete(); }
  // The reception has ended, or there will be none. Any thread.
  bool closed() const { return content_->result().has_value(); }
  // What came of it, once it is closed(). Any thread.
  absl::Status result() const;

  // Whether one more message may be taken. If not, `on_change` is called when
  // it may, or when closed().
  bool has_room() const { return content_->HasRoom(); }
  // Called on any thread, also when it is closed() while it has room: must not
  // wait. Called at once if closed() already. Before the first Take().
  void set_on_change(const std::function<void()>& on_change) {
    content_->SetOnChange(on_change);
    if (closed()) on_change();
  }

  // The content will never be complete: fails the reception, unless it has
  // ended, or the content is complete.
  void Fail(const absl::Status& why);

 private:
  UploadOrder order_;
  const std::shared_ptr<dataplane::PushedContent> content_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_RECEPTION_UPLOAD_H_
