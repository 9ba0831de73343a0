#!/usr/bin/env bash
# The main job on real input: a disk image goes to four recipients, of which three
# are programs that know nothing of tcptool; then again, with one of them killed
# half-way. TCPTOOLD, TCPTOOLCTL and TCPTOOL name the programs.
set -euo pipefail

readonly IMAGE_MIB=512
readonly FILES_MIB=300

work=$(mktemp -d "${TMPDIR:-/tmp}/tcptool-demo.XXXXXX")
daemon=
recipients=()

cleanup() {
  ((${#recipients[@]} == 0)) || kill "${recipients[@]}" 2>/dev/null || true
  [[ -z ${daemon} ]] || kill "${daemon}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "${work}"
}
trap cleanup EXIT

say() { printf '\n== %s\n' "$*"; }

die() {
  echo "demo: $*" >&2
  exit 1
}

# Waits until a command succeeds; what it waits for is the first argument.
await() {
  local what=$1 deadline=$((SECONDS + 30))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || die "${what} did not come about in 30 s"
    sleep 0.05
  done
}

# Real files as long as there is room, then random bytes, so that a lost or
# misplaced block shows.
make_image() {
  local tree=${work}/tree taken=0 file size
  mkdir -p "${tree}/lib" "${work}/images"
  while IFS= read -r -d '' file; do
    size=$(stat -c %s "${file}")
    ((taken + size < FILES_MIB << 20)) || continue
    cp "${file}" "${tree}/lib/${taken}-$(basename "${file}")"
    taken=$((taken + size))
  done < <(find /usr/lib /usr/bin -xdev -type f -size +256k -readable -print0 2>/dev/null)
  head -c 64M /dev/urandom >"${tree}/random"
  truncate -s "${IMAGE_MIB}M" "${work}/images/disk.img"
  mkfs.ext4 -q -F -d "${tree}" "${work}/images/disk.img"
  rm -rf "${tree}"
}

start_daemon() {
  "${TCPTOOLD}" --control-address 127.0.0.1:0 --data-address 127.0.0.1 \
    --data-ports 20000-29999 --root "images=${work}/images" \
    --ready-file "${work}/ready" --log-level warning &
  daemon=$!
  await "the service" test -s "${work}/ready"
  TCPTOOL_SERVER=$(sed -n 's/.*"control_address": "\([^"]*\)".*/\1/p' "${work}/ready")
  export TCPTOOL_SERVER
}

# Prints a field of the JSON on standard input: field.of.the.object
json() {
  /usr/bin/python3 -c '
import json, sys
value = json.load(sys.stdin)
for key in sys.argv[1].split("."):
    value = value[key]
print(value)' "$1"
}

has_ready() { [[ $("${TCPTOOLCTL}" --output json get "${session}" | json counts.ready) == "$1" ]]; }

create_session() {
  local created
  created=$("${TCPTOOLCTL}" --output json create --file images/disk.img)
  session=$(json name <<<"${created}")
  endpoint=$(json dataEndpoint <<<"${created}")
  host=${endpoint%:*}
  port=${endpoint##*:}
  echo "${session} waits for recipients at ${endpoint}"
}

# Programs that half-close (nc -N), or hold their input open until the sender
# ends, are served alike.
run_tcptool() { "${TCPTOOL}" -d error -r "${endpoint}" "${work}/tcptool.out"; }
run_nc() { printf '\0' | nc.openbsd -N "${host}" "${port}" >"${work}/nc.out"; }
run_socat() { printf '\0' | socat -t 600 - "TCP:${endpoint}" >"${work}/socat.out"; }
run_ncat() { printf '\1' | ncat "${host}" "${port}" >"${work}/ncat.out"; }

# Takes half of the image, then is killed with its connection open.
run_victim() {
  exec /usr/bin/python3 -c '
import os, signal, socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
connection.send(b"\0")
left = int(sys.argv[3])
while left > 0:
    left -= len(connection.recv(min(left, 1 << 20)))
os.kill(os.getpid(), signal.SIGKILL)' "${host}" "${port}" "$((IMAGE_MIB << 19))"
}

# Starts the recipients named, the last of which says "start now", and shows the
# session until its end.
transfer() {
  local name ready=0
  recipients=()
  for name in "$@"; do
    # The one with the start byte comes when the others are ready.
    await "that ${ready} recipients are READY" has_ready "${ready}"
    "run_${name}" &
    recipients+=($!)
    ready=$((ready + 1))
  done
  "${TCPTOOLCTL}" watch "${session}" || true
  wait "${recipients[@]}" 2>/dev/null || true
  recipients=()
}

# The sums of the outputs given are that of the image.
check_sums() {
  local name sum status=0
  for name in "$@"; do
    sum=$(sha256sum <"${work}/${name}.out")
    if [[ ${sum} == "${image_sum}" ]]; then
      echo "${name}: ${sum%% *} as sent"
    else
      echo "${name}: ${sum%% *} IS NOT WHAT WAS SENT"
      status=1
    fi
    rm -f "${work}/${name}.out"
  done
  return "${status}"
}

expect() {
  local what=$1 want=$2 got=$3
  [[ ${got} == "${want}" ]] || die "${what}: expected ${want}, got ${got}"
  echo "${what}: ${got}"
}

state() { "${TCPTOOLCTL}" --output json get "${session}" | json state; }

# How many recipients have this state, and this reason if one is given.
count() {
  "${TCPTOOLCTL}" --output json recipients "${session}" | /usr/bin/python3 -c '
import json, sys
def recipients(value):
    if isinstance(value, list):
        return [one for item in value for one in recipients(item)]
    return value["recipients"] if "recipients" in value else [value]
text, decoder, found = sys.stdin.read().strip(), json.JSONDecoder(), []
while text:
    value, end = decoder.raw_decode(text)
    found += recipients(value)
    text = text[end:].strip()
state, reason = "RECIPIENT_STATE_" + sys.argv[1], sys.argv[2]
print(sum(one["state"] == state and (not reason or one["reason"] == "RECIPIENT_REASON_" + reason)
          for one in found))' "$1" "${2:-}"
}

say "A disk image of ${IMAGE_MIB} MiB, ext4, with files in it"
make_image
image_sum=$(sha256sum <"${work}/images/disk.img")
echo "sha256 ${image_sum%% *}"
start_daemon

say "To tcptool, nc, socat and ncat, which gives the start"
create_session
transfer tcptool nc socat ncat
check_sums tcptool nc socat ncat || die "a recipient has other bytes than were sent"
expect "the session's state" SESSION_STATE_SUCCEEDED "$(state)"

say "Again, with one recipient killed half-way"
create_session
transfer victim nc socat ncat
check_sums nc socat ncat || die "a recipient has other bytes than were sent"
expect "recipients DELIVERED" 3 "$(count DELIVERED)"
expect "recipients FAILED with CONNECTION_LOST" 1 "$(count FAILED CONNECTION_LOST)"
expect "the session's state" SESSION_STATE_PARTIALLY_SUCCEEDED "$(state)"

say "All as it should be"
