#!/usr/bin/env bash
# Serves a disk image to four recipients, three of which know nothing of tcptool, and
# checks what each of them got. Then again, with one killed half-way.
#
# Wants the programs' paths in TCPTOOLD, TCPTOOLCTL and TCPTOOL; ./dev demo sets them.
set -euo pipefail

readonly IMAGE_BYTES=$((512 * 1024 * 1024))
readonly REAL_FILES_BYTES=$((300 * 1024 * 1024))
readonly RANDOM_BYTES=$((64 * 1024 * 1024))
# The image, its sources and four copies, with some room.
readonly NEEDED_KIB=$((3 * 1024 * 1024))
# About gigabit Ethernet, so that there is something to watch.
readonly RATE=$((125 * 1000 * 1000))

PATH=${PATH}:/usr/sbin:/sbin # mkfs.ext4, for those who are not root.

say() { printf '\n== %s\n' "$*"; }

die() {
  echo "demo: $*" >&2
  exit 1
}

: "${TCPTOOLD:?run ./dev demo, or set it to the path of tcptoold}"
: "${TCPTOOLCTL:?run ./dev demo, or set it to the path of tcptoolctl}"
: "${TCPTOOL:?run ./dev demo, or set it to the path of tcptool}"

work=$(mktemp -d -t tcptool-demo.XXXXXX)

clean_up() {
  local pids
  pids=$(jobs -p)
  # shellcheck disable=SC2086 # A list of numbers.
  [[ -z ${pids} ]] || kill -KILL ${pids} 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "${work}"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Prints what a Python expression makes of the JSON on standard input, called `it`.
json() { /usr/bin/python3 -c "import json, sys; it = json.load(sys.stdin); print($1)"; }

# Runs a command until it succeeds, for at most 30 s.
wait_for() {
  local what=$1 end=$((SECONDS + 30))
  shift
  until "$@"; do
    ((SECONDS < end)) || die "after 30 s still not: ${what}"
    sleep 0.05
  done
}

ctl() { "${TCPTOOLCTL}" --server "${control}" "$@"; }

sha256() { sha256sum <"$1" | cut -d ' ' -f 1; }

# Files of this system up to REAL_FILES_BYTES, and random bytes: what does not compress.
make_image() {
  local tree=${work}/tree free
  free=$(df --output=avail -k "${work}" | tail -n 1)
  ((free >= NEEDED_KIB)) ||
    die "${work} has ${free} KiB free and ${NEEDED_KIB} are needed; set TMPDIR to another place"
  mkdir -p "${tree}" "${work}/images"
  # find fails for directories that are closed to us; the others will do.
  { find /usr/bin /usr/lib /usr/share -xdev -type f -readable -size -20M -printf '%s %p\n' 2>/dev/null || true; } |
    awk -v most="${REAL_FILES_BYTES}" \
      '{ size = $1; sub(/^[0-9]+ /, ""); if (sum + size <= most) { sum += size; print } }' |
    xargs --delimiter='\n' cp --parents --no-preserve=mode,ownership --target-directory="${tree}"
  head --bytes="${RANDOM_BYTES}" /dev/urandom >"${tree}/random"
  mkfs.ext4 -q -d "${tree}" "${work}/images/disk.img" "$((IMAGE_BYTES / 1024))k"
  echo "disk.img: ext4, 512 MiB, $(find "${tree}" -type f | wc -l) files, $(du -sm "${tree}" | cut -f 1) MiB in them"
  rm -rf "${tree}"
  image_sha256=$(sha256 "${work}/images/disk.img")
  echo "SHA-256:  ${image_sha256}"
}

start_service() {
  # The service takes free ports of these, below those of outgoing connections.
  local first=$((10000 + RANDOM % 200 * 100))
  "${TCPTOOLD}" --control-address 127.0.0.1:0 --http-address 127.0.0.1:0 \
    --data-ports "${first}-$((first + 99))" --root "images=${work}/images" \
    --state "${work}/state.db" --ready-file "${work}/ready" --log-level warning &
  service=$!
  wait_for "tcptoold serves" service_answers
  control=$(json 'it["control_address"]' <"${work}/ready")
}

service_answers() {
  kill -0 "${service}" 2>/dev/null || die "tcptoold ended; its message is above"
  [[ -s ${work}/ready ]]
}

# Sets `session` and `port`. Each program connects from an address of its own, which
# gives it its name in the table.
create_session() {
  local answer
  answer=$(ctl --output json create --file images/disk.img --recipient-rate "${RATE}" \
    --expect 127.0.0.1="tcptool -r" --expect 127.0.0.2=nc \
    --expect 127.0.0.3=socat --expect 127.0.0.4=ncat)
  session=$(json 'it["name"]' <<<"${answer}")
  port=$(json 'it["dataEndpoint"].rpartition(":")[2]' <<<"${answer}")
  echo "${session} on port ${port}"
}

receive_by_tcptool() { "${TCPTOOL}" -r "127.0.0.1:${port}" -d error "${work}/tcptool.img"; }
receive_by_nc() { printf '\0' | nc.openbsd -N -s 127.0.0.2 127.0.0.1 "${port}" >"${work}/nc.img"; }
# -t: it would leave half a second after its input's end.
receive_by_socat() { printf '\0' | socat -t 600 - "TCP:127.0.0.1:${port},bind=127.0.0.3" >"${work}/socat.img"; }
# The last one: its byte says "start now".
receive_by_ncat() { printf '\1' | ncat -s 127.0.0.4 127.0.0.1 "${port}" >"${work}/ncat.img"; }

# Takes half of the image from a socat, then kills it. As nothing reads on while it
# does so, socat cannot have come much further.
receive_half_by_socat() {
  local fifo=${work}/fifo victim
  mkfifo "${fifo}"
  socat -t 600 - "TCP:127.0.0.1:${port},bind=127.0.0.3" < <(printf '\0') >"${fifo}" &
  victim=$!
  {
    head --bytes=$((IMAGE_BYTES / 2)) >"${work}/socat.img"
    kill -KILL "${victim}"
  } <"${fifo}"
  wait "${victim}" 2>/dev/null || true
  rm "${fifo}"
}

three_are_ready() { [[ $(ctl --output json get "${session}" | json 'it["counts"]["ready"]') == 3 ]]; }

# Runs the four, with the given function in socat's place, and shows the table until
# the session's end.
run_session() {
  local socat=$1
  create_session
  receive_by_tcptool &
  receive_by_nc &
  "${socat}" &
  wait_for "three recipients are READY" three_are_ready
  receive_by_ncat &
  # Its status is the session's; check_recipients looks closer.
  ctl watch "${session}" || true
  # All but the service.
  local pids
  mapfile -t pids < <(jobs -p | grep --invert-match --line-regexp "${service}")
  wait "${pids[@]}" || true
}

# Compares the session's and its recipients' states with those expected.
check_states() {
  local want_session=$1 want_socat=$2 want got
  got=$(ctl --output json get "${session}" | json 'it["state"]')
  [[ ${got} == "SESSION_STATE_${want_session}" ]] || die "${session} is ${got}, not ${want_session}"
  want="nc DELIVERED,ncat DELIVERED,socat ${want_socat},tcptool -r DELIVERED"
  got=$(ctl --output json recipients "${session}" | json '",".join(sorted(
    " ".join([r["label"], r["state"].removeprefix("RECIPIENT_STATE_"),
              r["reason"].removeprefix("RECIPIENT_REASON_").replace("UNSPECIFIED", "")]).strip()
    for r in it["recipients"]))')
  [[ ${got} == "${want}" ]] || die "the recipients are ${got}, and not ${want}"
  echo "${session}: ${want_session}: ${got//,/, }"
}

# Compares what recipients wrote with the image.
check_copies() {
  local name got
  for name in "$@"; do
    got=$(sha256 "${work}/${name}.img")
    [[ ${got} == "${image_sha256}" ]] || die "what ${name} got has SHA-256 ${got}, not the image's"
    echo "${name}: ${got}, as sent"
  done
}

say "A disk image"
make_image
start_service

say "Four recipients"
run_session receive_by_socat
check_states SUCCEEDED DELIVERED
check_copies tcptool nc socat ncat
rm "${work}"/*.img

say "Four recipients, of which socat is killed half-way"
run_session receive_half_by_socat
check_states PARTIALLY_SUCCEEDED "FAILED CONNECTION_LOST"
check_copies tcptool nc ncat
echo "socat: $(stat --format=%s "${work}/socat.img") of ${IMAGE_BYTES} bytes, and the service knows"

say "Stop"
kill -TERM "${service}"
wait "${service}" || die "tcptoold ended with $?"
say "All is as it should be."
