#!/usr/bin/env bash
# Copies this node's data to Object Storage, as the account redis-ha-backup (redis-ha-backup@.service).
# Usage: backup.sh scheduled     when it is this node's turn: one replica that is in step makes the backup, each day another one; the master
#                                only when no replica is in step
#        backup.sh now           this node makes it, unless it is a master whose replicas could
#        backup.sh from-ADDRESS  this node makes it of the data of the node at ADDRESS
#
# The copy comes over the network, as a replica gets it: redis-server forks a child that sends a snapshot and writes nothing to its own disk. It is
# stored here only until it is checked and uploaded. The address that it is uploaded to can only be written to.
# What came of it is in /var/lib/redis-ha-backup/last, one line: "ok NAME KEYS keys BYTES bytes" or "failed REASON".
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"
# shellcheck source-path=SCRIPTDIR
. "$library/cluster.sh"
# shellcheck source-path=SCRIPTDIR
. "$library/room.sh"
umask 077
export LC_ALL=C

# The replication's user may copy and look.
asking_user=replication asking_password=$configuration_directory/backup.password
order=${1:-}
state=${STATE_DIRECTORY:?}
work=$state/work
# Object Storage takes up to 50 GiB in one request; a smaller part is repeated sooner.
readonly part_bytes=${REDIS_HA_BACKUP_PART_BYTES:-1073741824}
readonly spare_bytes=268435456
failure='' failed_line='?' checker=''

say() {
  printf '<5>%s\n' "$1"
}

# stop REASON
stop() {
  failure=$1
  exit 1
}

remember() {
  printf '%s\n' "$1" >"$state/last.new"
  mv -f "$state/last.new" "$state/last"
}

finish() {
  local code=$?
  trap - EXIT
  if [ -n "$checker" ]; then kill -KILL "$checker" 2>/dev/null || true; fi
  rm -rf "$work"
  if [ "$code" != 0 ]; then
    failure=${failure:-"it ended in line $failed_line"}
    printf '<3>no backup: %s\n' "$failure"
    remember "failed $failure"
  fi
  exit "$code"
}

# choose: sets "source" to the address whose data is copied; ends quietly when another node makes the backup.
choose() {
  local all turn until=$((SECONDS + 60))
  until observe && [ "$(field master_link_status <<<"${information[$REDIS_HA_NODE]}")" != down ]; do
    ((SECONDS < until)) || stop "${obstacle:-this node does not follow its master}"
    sleep 1
  done
  mapfile -t all < <(copies)
  source=$REDIS_HA_ADDRESS
  case $order in
    scheduled)
      turn=$(($(date +%s) / 86400 % ${#all[@]}))
      if [ "${all[$turn]}" != "$REDIS_HA_NODE" ]; then
        say "it is the turn of ${all[$turn]}"
        exit 0
      fi
      ;;
    now)
      if [ "$REDIS_HA_NODE" = "$master" ] && [ "${all[0]}" != "$master" ]; then
        stop "this node is the master: a replica makes the backup (${all[*]})"
      fi
      ;;
    from-*)
      source=${order#from-}
      [ -n "${name_of[$source]:-}" ] || stop "\"$source\" is not a Redis node of this cluster"
      ;;
    *) stop "there is no order \"$order\"" ;;
  esac
}

# available FILE KEY: of /proc/meminfo, in bytes.
available_memory() {
  awk '$1 == "MemAvailable:" { printf "%d", $2 * 1024 }' /proc/meminfo
}

# room: the copy must not take what redis-server needs: memory for pages that change while the child sends, disk for a rewrite of its file.
room() {
  local memory missing
  used=$(number "$(ask "$source" '{{redis-port}}' INFO memory | field used_memory)")
  [ -n "$used" ] || stop "redis-server at $source does not answer"
  memory=$(available_memory)
  if [ "$source" = "$REDIS_HA_ADDRESS" ] && ((memory < used / 4)); then
    stop "little memory is left for a fork: $((memory >> 20)) MB, with $((used >> 20)) MB of data (redisMemoryGb, or a lower redisMaxMemory)"
  fi
  # Redis may rewrite its own file meanwhile.
  missing=$(lack "$state" $((used + spare_bytes)) "$(dirname "$member_file")" "$used" | head -n 1)
  if [ -n "$missing" ]; then stop "$missing"; fi
}

copy() {
  say "copying the data of ${name_of[$source]} (at most $((used >> 20)) MB)"
  (
    # In units of 1024 bytes: a copy that grows beyond all reason ends here, and not with a full disk.
    ulimit -f $(((2 * used + spare_bytes) / 1024))
    REDISCLI_AUTH=$(cat "$configuration_directory/backup.password") timeout 14400 \
      redis-cli --no-auth-warning "${tls[@]}" --user replication -h "$source" -p '{{redis-port}}' --rdb "$work/dump.rdb" </dev/null
  ) >"$work/log" 2>&1 || stop "the copy failed: $(tail -n 1 "$work/log" | tr -cd '[:print:]')"
  bytes=$(stat -c %s "$work/dump.rdb")
}

# check: redis-check-rdb reads the checksum and every value, one at a time. Where there is memory enough, a redis-server that only a socket in
# this folder leads to loads all of it, too; it is the first one that the kernel ends when memory runs out.
check() {
  local reply loaded=0 until expired
  timeout 14400 redis-check-rdb "$work/dump.rdb" >"$work/log" 2>&1 || stop "the copy is damaged: $(tail -n 1 "$work/log" | tr -cd '[:print:]')"
  keys=$(number "$(sed -n 's/^\[info\] \([0-9]*\) keys read$/\1/p' "$work/log")")
  expired=$(number "$(sed -n 's/^\[info\] \([0-9]*\) expires$/\1/p' "$work/log")")
  [ -n "$keys" ] || stop 'redis-check-rdb does not say how many keys it has read'
  checked='read'
  if (($(available_memory) < used * 5 / 4 + spare_bytes)); then
    say "too little memory to load the copy, too ($(($(available_memory) >> 20)) MB): it was read value by value"
    return 0
  fi
  (
    ulimit -v $(((used * 3 / 2 + 4 * spare_bytes) / 1024))
    exec redis-server --port 0 --unixsocket "$work/socket" --unixsocketperm 700 --dir "$work" --dbfilename dump.rdb --save '' --appendonly no \
      --daemonize no --loglevel warning
  ) >"$work/log" 2>&1 </dev/null &
  checker=$!
  until=$((SECONDS + 14400))
  until [ "$(timeout 5 redis-cli -s "$work/socket" PING 2>/dev/null)" = PONG ]; do
    kill -0 "$checker" 2>/dev/null || stop "the copy cannot be loaded: $(tail -n 1 "$work/log" | tr -cd '[:print:]')"
    ((SECONDS < until)) || stop 'the copy was not loaded within 4 hours'
    sleep 0.2
  done
  reply=$(redis-cli -s "$work/socket" INFO keyspace | tr -d '\r')
  loaded=$(awk -F '[=,]' '/^db[0-9]+:/ { all += $2 } END { print all + 0 }' <<<"$reply")
  kill -KILL "$checker"
  wait "$checker" 2>/dev/null || true
  checker=''
  # Keys whose time was over, or ends now, are left out.
  if ((loaded > keys || loaded < keys - ${expired:-0})); then
    stop "the copy has $keys keys, of which only $loaded were loaded"
  fi
  checked=loaded
}

# slice OFFSET BYTES: of the copy.
slice() {
  dd if="$work/dump.rdb" bs=1M iflag=skip_bytes,count_bytes skip="$1" count="$2" status=none
}

# put NAME BYTES COMMAND...: uploads what the command prints, and tries again; Object Storage compares the digest. The address is on no command line.
put() {
  local object=$1 size=$2 digest try
  shift 2
  digest=$("$@" | md5sum | cut -d ' ' -f 1 | sed 's/../\\x&/g')
  digest=$(printf '%b' "$digest" | base64)
  for ((try = 1; try <= 5; try++)); do
    if "$@" | curl --silent --show-error --fail --proto '=http,https' --connect-timeout 20 --speed-limit 10240 --speed-time 60 \
      --config <(printf 'url = "%s%s"\n' "$(cat "$configuration_directory/backup.address")" "$object") --upload-file - --output /dev/null \
      --header "Content-Length: $size" --header 'Transfer-Encoding:' --header 'Expect:' --header "Content-MD5: $digest" 2>"$work/log"; then
      return 0
    fi
    sleep $((try * ${REDIS_HA_BACKUP_PAUSE:-3}))
  done
  stop "Object Storage does not take it: $(tail -n 1 "$work/log" | tr -cd '[:print:]')"
}

# upload: the parts, and at last the manifest, without which nothing is a backup.
upload() {
  local offset size parts=0 digest
  digest=$(sha256sum "$work/dump.rdb" | cut -d ' ' -f 1)
  for ((offset = 0; offset < bytes; offset += part_bytes)); do
    size=$((bytes - offset < part_bytes ? bytes - offset : part_bytes))
    put "$name/$(printf 'part.%04d' "$parts")" "$size" slice "$offset" "$size"
    parts=$((parts + 1))
  done
  {
    echo 'redis-ha-backup 1'
    echo "node ${name_of[$source]}"
    echo "role $([ "${name_of[$source]}" = "$master" ] && echo master || echo replica)"
    echo "time $began"
    echo "redis $version"
    echo "bytes $bytes"
    echo "parts $parts"
    echo "sha256 $digest"
    echo "keys $keys"
    echo "memory $used"
    echo "checked $checked"
  } >"$work/manifest"
  put "$name/manifest" "$(stat -c %s "$work/manifest")" cat "$work/manifest"
}

exec 9>"$state/lock"
# The schedule comes but once: it waits for one that is being made, such as a restore's.
flock --wait "$([ "$order" = scheduled ] && echo 3600 || echo 0)" 9 || { echo '<4>another backup is being made' && exit 1; }
set -E
trap 'failed_line=$LINENO' ERR
trap finish EXIT
trap 'stop "it was stopped"' INT TERM
rm -rf "$work"
mkdir "$work"
choose
began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
name=$(tr -d ':-' <<<"$began")-$REDIS_HA_NODE
version=$(ask "$source" '{{redis-port}}' INFO server | sed -n 's/^redis_version:\([0-9.]*\)$/\1/p')
room
copy
check
upload
say "$name is in Object Storage: $keys keys, $bytes bytes, $checked, after $SECONDS s"
remember "ok $name $keys keys $bytes bytes"
