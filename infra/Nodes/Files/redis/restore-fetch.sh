#!/usr/bin/env bash
# Brings a copy of data to this node and looks at it, as the account redis-ha-backup: the bytes may be anybody's. redis-ha-restore runs it.
# Usage: restore-fetch.sh FOLDER REDIS-FOLDER fetch NAME    a backup; standard input is the address that reads backups, one line
#        restore-fetch.sh FOLDER REDIS-FOLDER receive       standard input is an RDB file
# Leaves dump.rdb and facts ("keys", "expires", "bytes", "memory" of where it was made) in FOLDER, or nothing.
set -euo pipefail
export LC_ALL=C
umask 077

folder=$1 data=$2 order=$3 name=${4:-}
# shellcheck source-path=SCRIPTDIR
. "$(dirname "$(readlink -f "$0")")/room.sh"
readonly spare_bytes=268435456

stop() {
  echo "$1" >&2
  rm -rf "$folder"
  exit 1
}

number() {
  if [[ $1 =~ ^[0-9]{1,18}$ ]]; then echo "$1"; else echo ''; fi
}

# fact NAME: of the manifest.
fact() {
  sed -n "s/^$1 \\([0-9A-Za-z.:-]*\\)\$/\\1/p" "$folder/manifest" | head -n 1
}

# get OBJECT: on standard output. The address is on no command line.
get() {
  curl --silent --show-error --fail --proto '=http,https' --connect-timeout 20 --speed-limit 10240 --speed-time 60 \
    --config <(printf 'url = "%s%s"\n' "$address" "$1")
}

# get_part OBJECT SIZE-BEFORE: appends it; tried again from where it began.
get_part() {
  local try
  for ((try = 1; try <= 5; try++)); do
    if get "$1" >>"$folder/dump.rdb" 2>"$folder/log"; then return 0; fi
    truncate -s "$2" "$folder/dump.rdb"
    sleep $((try * 3))
  done
  stop "$1 could not be fetched: $(tail -n 1 "$folder/log" | tr -cd '[:print:]')"
}

rm -rf "$folder"
mkdir "$folder"
trap 'rm -rf "$folder"; exit 1' INT TERM
: >"$folder/dump.rdb"
memory=0
case $order in
  fetch)
    [[ $name =~ ^[0-9]{8}T[0-9]{6}Z-[a-z0-9-]{1,63}$ ]] || stop "\"$name\" is not the name of a backup"
    IFS= read -r address
    [[ $address =~ ^https?://[!-~]{1,1000}/$ && $address != *[\"\\]* ]] || stop 'the address of the backups does not look like one'
    get "$name/manifest" 2>"$folder/log" | head -c 10000 >"$folder/manifest" ||
      stop "there is no backup $name that can be read ($(tail -n 1 "$folder/log" | tr -cd '[:print:]'))"
    [ "$(head -n 1 "$folder/manifest")" = 'redis-ha-backup 1' ] || stop "$name/manifest is not the manifest of a backup"
    bytes=$(number "$(fact bytes)") parts=$(number "$(fact parts)") memory=$(number "$(fact memory)")
    if [ -z "$bytes" ] || [ -z "$parts" ]; then stop "$name/manifest is not complete"; fi
    # Redis stores what it gets before it loads it, and rewrites its own file after.
    missing=$(lack "$folder" $((bytes + spare_bytes)) "$data" $((2 * bytes)) | head -n 1)
    if [ -n "$missing" ]; then stop "$missing"; fi
    ulimit -f $((bytes / 1024 + 1024))
    for ((part = 0; part < parts; part++)); do
      get_part "$name/$(printf 'part.%04d' "$part")" "$(stat -c %s "$folder/dump.rdb")"
    done
    [ "$(sha256sum "$folder/dump.rdb" | cut -d ' ' -f 1)" = "$(fact sha256)" ] || stop "the bytes of $name are not those of its manifest"
    ;;
  receive)
    missing=$(lack "$folder" "$spare_bytes" "$data" 0 | head -n 1)
    if [ -n "$missing" ]; then stop "$missing"; fi
    # Its size is known at its end only: here, and twice in Redis' directory.
    free=$(free_bytes "$folder") room=$(free_bytes "$data")
    if same_disk "$folder" "$data"; then most=$((free / 3)); else most=$((free < room / 2 ? free : room / 2)); fi
    (ulimit -f $((most / 1024)) && cat >"$folder/dump.rdb") || stop "the file could not be stored: it may take $((most >> 20)) MB of the disk that is free"
    ;;
  *) stop "there is no order \"$order\"" ;;
esac
redis-check-rdb "$folder/dump.rdb" >"$folder/log" 2>&1 ||
  stop "this node's Redis cannot read it (damaged, or made by a newer Redis): $(tail -n 1 "$folder/log" | tr -cd '[:print:]')"
keys=$(number "$(sed -n 's/^\[info\] \([0-9]*\) keys read$/\1/p' "$folder/log")")
[ -n "$keys" ] || stop 'redis-check-rdb does not say how many keys it has read'
{
  echo "keys $keys"
  echo "bytes $(stat -c %s "$folder/dump.rdb")"
  echo "memory ${memory:-0}"
} >"$folder/facts"
echo "this node has it: $keys keys, $(stat -c %s "$folder/dump.rdb") bytes"
