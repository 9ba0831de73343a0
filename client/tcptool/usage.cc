#include "client/tcptool/usage.h"

namespace tcptool::client {

const char kUsage[] =
    R"(Usage: tcptool [OPTION]... -s PORT [-c MAXCLIENTS] [INPUTFILE]
       tcptool [OPTION]... -r HOST:PORT [-t] [OUTPUTFILE]

Sends one input to many recipients over plain TCP, or receives it.

Sender:
  -s PORT                  listen on this port
  -c MAXCLIENTS            start when so many clients are ready; 0 or
                           "unlimited": when one says so (default 1)
  -a IP/MASK               allow these clients only; also CIDR, IPv6, one
                           address; may be repeated
      --listen ADDR        listen on this address (default 0.0.0.0)
      --rate BYTES         send at most so many bytes a second in all
      --max-lag BYTES      of a pipe: give up a client that is so far behind the
                           fastest (default: the slowest sets the pace)
      --confirm-timeout DURATION
                           give up a client that has everything and does not
                           close its connection for so long (default 10m)
      --tls-client-ca FILE
                           allow clients only whose certificate an authority in
                           FILE has signed
Recipient:
  -r HOST:PORT             connect there; [ADDRESS]:PORT for IPv6
  -t                       say "I am the last client, start now"
      --wait DURATION      go on trying to connect for so long (10s, 5m)
      --sync               have the output on the disk before reporting success
      --sparse             regular files: make blocks of zeros holes
      --discard            devices: discard blocks of zeros
      --force              write to a device that is mounted or in use, too
      --tls                speak TLS with the sender, and verify its certificate
      --tls-ca FILE        trust the authorities in FILE (default: the system's)
      --tls-name NAME      expect a certificate for NAME (default: for the HOST)
Both:
      --stall-timeout DURATION
                           give up a peer that makes no progress for so long
                           (sender: 60s; recipient: never)
      --dead-timeout DURATION
                           give up a peer whose host answers nothing for so long
                           (sender: 15s; recipient: 60s)
      --tls-cert FILE      show this certificate; a sender that has one speaks
                           TLS with all clients
      --tls-key FILE       its private key
      --sha256             print the SHA-256 of the content on standard error
  -d LEVEL                 none, error, warning, info, progress or debug, by
                           the first letter (default info)
      --help               show this, and exit
      --version            show the version, and exit

The environment variable TCPTOOL_MAX_CLIENTS sets the greatest number of clients
and of access rules (default 10000).
)";

}  // namespace tcptool::client
