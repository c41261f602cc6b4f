#!/usr/bin/env bash
# The volume that holds Redis' data: found, formatted when it is empty, filled with what the boot volume has, grown, mounted. As root, by
# redis-ha-data.service before every start of redis-server, and by the apply script, which sources this.
#
# What becomes of a volume is in its label, which only root can change: "redis-ha-new" is ours and not complete, so it may be formatted again;
# "redis-ha-data" holds the data and is never formatted. A volume with neither is formatted when there is nothing on it. The file
# /var/lib/redis-ha/data-volume on the boot volume says that this machine's data is on a volume: redis-server then never starts without it.
set -euo pipefail

readonly new_label=redis-ha-new data_label=redis-ha-data
data=${REDIS_HA_ROOT:-}/var/lib/redis
formatting=${REDIS_HA_ROOT:-}/var/lib/redis-ha/formatting
device=''

# The kernel's folder of a disk.
block() {
  echo "${REDIS_HA_ROOT:-}/sys/class/block/${1##*/}"
}

label_of() {
  blkid -p -o value -s LABEL "$1" 2>/dev/null || true
}

# What identifies a disk, where it says something of itself.
identity() {
  local folder known
  folder=$(block "$1")
  known=$(cat "$folder/wwid" "$folder/device/wwid" "$folder/serial" 2>/dev/null) || true
  if [ -z "$known" ]; then known=$(cat "$folder/dev" /proc/sys/kernel/random/boot_id); fi
  echo "$known"
}

# is_used DEVICE: whether something uses the disk or a part of it.
is_used() {
  local folder number
  folder=$(block "$1")
  number=$(cat "$folder/dev")
  if compgen -G "$folder/*/partition" >/dev/null || compgen -G "$folder/holders/*" >/dev/null; then return 0; fi
  awk -v number="$number" '$3 == number { found = 1 } END { exit !found }' /proc/self/mountinfo || grep -q "^$1 " /proc/swaps
}

# has_signature DEVICE: whether a file system, a partition table or anything else that is known is on it.
has_signature() {
  local code=0
  blkid -p "$1" >/dev/null 2>&1 || code=$?
  # 2: nothing was found (blkid(8)); everything else is something, or a disk that cannot be read.
  [ "$code" != 2 ] || [ -n "$(wipefs --no-act --noheadings "$1" 2>&1)" ]
}

# is_blank DEVICE: whether its beginning and its end are zeros: something unknown may lie where nothing known does.
is_blank() {
  local size
  size=$(blockdev --getsize64 "$1")
  cmp -s -n $((16 << 20)) "$1" /dev/zero && cmp -s -n $((1 << 20)) --ignore-initial=$((size - (1 << 20))):0 "$1" /dev/zero
}

# may_format DEVICE: nothing is on it, or only what our own formatting has left when it was interrupted.
may_format() {
  if is_used "$1" || has_signature "$1"; then return 1; fi
  is_blank "$1" || { [ -f "$formatting" ] && [ "$(cat "$formatting")" = "$(identity "$1")" ]; }
}

# find_volume: in "device", by the name that OCI's images give an attached volume; by its label; or as the one empty disk of the right size.
# Ends with 1 when there is none.
find_volume() {
  local folder disk size found=() empty=()
  device=''
  if [ -b "${REDIS_HA_ROOT:-}/dev/oracleoci/oraclevdb" ]; then
    device=$(readlink -f "${REDIS_HA_ROOT:-}/dev/oracleoci/oraclevdb")
    return 0
  fi
  for folder in "${REDIS_HA_ROOT:-}"/sys/class/block/*; do
    disk=/dev/${folder##*/}
    case ${folder##*/} in loop* | ram* | zram* | dm-* | sr* | fd* | nbd* | '*') continue ;; esac
    if [ -e "$folder/partition" ] || [ ! -b "$disk" ]; then continue; fi
    case $(label_of "$disk") in
      "$data_label" | "$new_label") found+=("$disk") ;;
      *)
        size=$(blockdev --getsize64 "$disk") || continue
        if ((size == ${REDIS_HA_DATA_GB:-0} << 30)) && may_format "$disk"; then empty+=("$disk"); fi
        ;;
    esac
  done
  if [ "${#found[@]}" = 0 ]; then found=("${empty[@]}"); fi
  if [ "${#found[@]}" != 1 ]; then return 1; fi
  device=${found[0]}
}

is_mounted() {
  mountpoint -q "$data"
}

# mount_volume DEVICE FOLDER: with what its journal and a check can repair repaired.
mount_volume() {
  local code=0
  e2fsck -p "$1" || code=$?
  # 1 and 2: errors were corrected (e2fsck(8)).
  if ((code > 2)); then
    fail "the file system of the data volume $1 has errors that are not repaired by themselves (e2fsck ended with $code): run \"e2fsck $1\" by hand"
  fi
  mount -t ext4 -o noatime,nodev,nosuid,noexec "$1" "$2"
}

# mount_data: the volume with the data is mounted at Redis' folder, or the script fails. The apply script and a start of redis-server may come
# to it at the same time.
mount_data() {
  mkdir -p "${REDIS_HA_ROOT:-}/run/redis-ha"
  exec 8>"${REDIS_HA_ROOT:-}/run/redis-ha/data-volume.lock"
  flock 8
  mount_data_alone
  exec 8>&-
}

mount_data_alone() {
  local folder
  if is_mounted; then
    folder=$(block "$device")
    [ "$(mountpoint -d "$data")" = "$(cat "$folder/dev")" ] ||
      fail "something else than the data volume $device is mounted at $data: see \"findmnt $data\", unmount it and start redis-server again"
    return 0
  fi
  # Without the volume nothing can be written there.
  mkdir -p "$data"
  chown root:root "$data"
  chmod 555 "$data"
  mount_volume "$device" "$data"
  say "$device is mounted at $data"
}

# before_start: waits for the volume, which may come a little later than the machine.
before_start() {
  local try
  for ((try = 1; ; try++)); do
    if find_volume && [ "$(label_of "$device")" = "$data_label" ]; then
      mount_data
      return 0
    fi
    ((try < 30)) || fail "the data volume of this node is not there, so redis-server does not start: attach it (pulumi up), \
or see docs/nodes.md, \"The data volume\""
    sleep 1
  done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  say() {
    echo "data volume: $1"
  }
  fail() {
    echo "data volume: $1" >&2
    exit 1
  }
  # shellcheck disable=SC1091
  . "${REDIS_HA_ROOT:-}/etc/redis-ha/node.env"
  before_start
fi
