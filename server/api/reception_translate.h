// Translates the data plane's account of a reception to the API's message.
// reception_spec.h has the way back, for a spec.
#ifndef TCPTOOL_SERVER_API_RECEPTION_TRANSLATE_H_
#define TCPTOOL_SERVER_API_RECEPTION_TRANSLATE_H_

#include "dataplane/receiving/reception_status.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// The state is one of a reception: not UNSPECIFIED.
dataplane::ReceptionState ToState(v1::ReceptionState state);

// Sets all fields but the name, the spec, the create time and the etag.
void CopyStatus(const dataplane::ReceptionStatus& status,
                v1::Reception& reception);

// Makes it one that the end of the service has cut off, and that goes on at its
// next start.
void WillGoOn(v1::Reception& reception);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_RECEPTION_TRANSLATE_H_
