// The flag --expect.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_EXPECT_FLAG_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_EXPECT_FLAG_H_

#include <CLI/App.hpp>
#include <functional>
#include <string>

#include "tcptool/v1/session.pb.h"

namespace tcptool {

// As AddList(). What `add` gives is set to one that is known by its address, or
// by a name of its certificate.
void AddExpect(CLI::App& app, const std::string& description,
               const std::function<v1::ExpectedRecipient*()>& add);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_EXPECT_FLAG_H_
