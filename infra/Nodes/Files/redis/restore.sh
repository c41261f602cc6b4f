#!/usr/bin/env bash
# Replaces all data of the cluster by that of a backup: redis-ha-restore. scripts/restore is the way to it.
#
# The master serves with the present data until this node, a replica, holds the restored data completely: in memory, in its append-only file,
# and counted. Then the writes are stopped, a backup of the present data is made, the Sentinels make this node the master, and the others copy it.
# Whatever fails before that is taken back: this node follows the master again. All that is set on the way is set live, so that a node that
# restarts in between has forgotten it; "undo", or the next run, puts right what a killed run left.
#
# This node gets the data by an ordinary full synchronisation from a master that has nothing but the file (restore-serve.sh), so redis-server
# itself cares for its append-only file. Meanwhile its Sentinels may not turn it to the old master (they would after failover-timeout), and
# may not promote it.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: redis-ha-restore look
       redis-ha-restore fetch NAME       standard input: the address that reads backups
       redis-ha-restore receive          standard input: an RDB file
       redis-ha-restore go [--no-backup]
       redis-ha-restore undo

  look      which node would get the data first, and what is there now
  fetch     brings a backup to this node, and checks it
  receive   the same with a file
  go        makes it the data of the cluster; --no-backup: without a backup of the present data
  undo      puts right what a run that was killed left behind
Run it as root on a replica. Exit code 0: done, 1: not done, and the last line says why and what is now; 2: bad usage.
TEXT
}

case ${1:-} in
  -h | --help) usage && exit 0 ;;
  look | undo | receive) if [ "$#" != 1 ]; then usage >&2 && exit 2; fi ;;
  fetch) if [ "$#" != 2 ]; then usage >&2 && exit 2; fi ;;
  go) if [ "$#" != 1 ] && [ "$*" != 'go --no-backup' ]; then usage >&2 && exit 2; fi ;;
  *) usage >&2 && exit 2 ;;
esac
root=${REDIS_HA_ROOT:-}
library=$root/usr/local/libexec/redis-ha
# shellcheck source-path=SCRIPTDIR source=../common/accounts.sh
. "$library/accounts.sh"
# shellcheck source-path=SCRIPTDIR source=node.sh
. "$library/node.sh"
# shellcheck source-path=SCRIPTDIR source=cluster.sh
. "$library/cluster.sh"
# shellcheck source-path=SCRIPTDIR source=progress.sh
. "$library/progress.sh"
[ -r "$configuration_directory/operator.password" ] || { echo 'redis-ha-restore: run it as root' >&2 && exit 2; }

me=$REDIS_HA_NODE
state=$root/var/lib/redis-ha-backup
store=$state/restore
# No cluster has as many replicas: with it the master takes no writes, and whoever finds it knows where it comes from.
readonly fence=999
readonly safe_limit=20 promotion_limit=20 agree_limit=30
old='' changed=no promoted=no

# here COMMAND...: to this node's redis-server.
here() {
  on "$me" '{{redis-port}}' "$@"
}

# fact NAME: of the copy that waits on this node.
fact() {
  number "$(sed -n "s/^$1 //p" "$store/facts" 2>/dev/null | head -n 1)"
}

# configured DIRECTIVE: the number that the node's settings have.
configured() {
  number "$(sed -n "s/^$1 \\([0-9]*\\)\$/\\1/p" "$configuration_directory/settings.conf")"
}

keyspace() {
  on "$1" '{{redis-port}}' INFO keyspace | awk -F '[=,]' '/^db[0-9]+:/ { all += $2 } END { print all + 0 }'
}

# elected: the node that most Sentinels name.
elected() {
  local node
  for node in "${names[@]}"; do
    listen "$node"
    if [ -n "${named[$node]}" ]; then echo "${name_of[${named[$node]}]:-}"; fi
  done | sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }'
}

# well: one master, all Sentinels that answer name it, no failover; otherwise an obstacle.
well() {
  observe || return 1
  agreed "$master" || return 1
  if [ "$(elected)" != "$master" ]; then
    obstacle='no Sentinel answers'
    return 1
  fi
}

serve_pid() {
  number "$(head -c 20 "$state/serve.pid" 2>/dev/null)"
}

# stop_serving: as the account, so that it ends nothing but its own.
stop_serving() {
  local process
  process=$(serve_pid)
  if [ -n "$process" ]; then
    # shellcheck disable=SC2016 # expanded by the inner shell
    as_account redis-ha-backup bash -c 'kill -- "-$1" "$1" 2>/dev/null; rm -f "$2"' stop_serving "$process" "$state/serve.pid" || true
  fi
}

# follow_by_tls yes|no: what this node's next link to a master is. The source of a restore, within this machine, speaks none.
follow_by_tls() {
  if [ "${#tls[@]}" -eq 0 ]; then return 0; fi
  [ "$(here CONFIG SET tls-replication "$1")" = OK ]
}

# serve: sets "port".
serve() {
  local try
  for ((try = 1; try <= 10; try++)); do
    port=$((20000 + RANDOM % 10000))
    # shellcheck disable=SC2016 # expanded by the inner shell
    as_account redis-ha-backup setsid bash -c 'echo $$ >"$1"; exec systemd-socket-activate --listen="127.0.0.1:$2" --accept --inetd bash "$3" "$4" "$5"' \
      serve "$state/serve.pid" "$port" "$library/restore-serve.sh" "$store/dump.rdb" "$configuration_directory/backup.password" >/dev/null 2>&1 9>&- &
    sleep 0.3
    if { exec 7<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; then
      exec 7>&-
      return 0
    fi
    stop_serving
  done
  stop 'no port could be opened to load the data from (systemd-socket-activate)'
}

# put_right: takes back what is set, by this run or one that was killed. What the Sentinels name is what counts.
put_right() {
  local node until least target
  ask_usually
  stop_serving
  least=$(configured min-replicas-to-write)
  for node in "${names[@]}"; do
    if [ "$(on "$node" '{{redis-port}}' CONFIG GET min-replicas-to-write | sed -n 2p)" = "$fence" ]; then
      on "$node" '{{redis-port}}' CONFIG SET min-replicas-to-write "${least:-1}" >/dev/null
      say "$node takes writes again"
    fi
  done
  look "$me"
  until=$((SECONDS + agree_limit))
  # A failover that is under way ends first.
  until target=$(elected) && agreed "${target:-$me}"; do
    if ((SECONDS >= until)); then break; fi
    sleep 0.5
  done
  if [ -z "$target" ] || [ -z "${role[$me]}" ]; then
    say "${target:+this node does not answer}${target:-no Sentinel answers}: run \"redis-ha-restore undo\" again later"
    return 1
  fi
  if [ "$target" != "$me" ] && { [ "${role[$me]}" = master ] || [ "${follows[$me]}" = 127.0.0.1 ]; }; then
    here CONFIG SET replica-priority 0 >/dev/null
    follow_by_tls yes || say 'this node does not take a change of its TLS'
    here REPLICAOF "${address_of[$target]}" '{{redis-port}}' >/dev/null
    say "this node follows $target again, and gets its data"
  fi
  here ACL SETUSER sentinel +slaveof >/dev/null
  until=$((SECONDS + 600))
  until look "$me" && { [ "${role[$me]}" = master ] || [ "${link[$me]}" = up ]; }; do
    if ((SECONDS >= until)); then
      say 'this node has not got the data of its master after 10 minutes, and cannot be promoted: run "redis-ha-restore undo" again later'
      return 1
    fi
    sleep 0.5
  done
  if [ -f "$promotable_file" ] && [ "${priority[$me]}" != 100 ]; then here CONFIG SET replica-priority 100 >/dev/null; fi
}

finish() {
  local code=$?
  trap - EXIT
  trap '' INT TERM
  if [ "$changed" = yes ]; then
    if [ "$code" != 0 ] && [ "$promoted" = no ]; then say 'taking it back'; fi
    put_right || code=1
    as_account redis-ha-backup rm -rf "$store"
  fi
  exit "$code"
}

# left_over: whether a run was killed on its way.
left_over() {
  local node
  for node in "${names[@]}"; do
    if [ "$(on "$node" '{{redis-port}}' CONFIG GET min-replicas-to-write | sed -n 2p)" = "$fence" ]; then return 0; fi
  done
  [ "$(here CONFIG GET replica-priority | sed -n 2p)" = 1 ] || [ "${follows[$me]}" = 127.0.0.1 ] || [ -n "$(serve_pid)" ]
}

# look_around: for scripts/restore: the node that would get the data first, and what is there now.
look_around() {
  local until=$((SECONDS + safe_limit)) all
  until well; do
    ((SECONDS < until)) || stop "not now: $obstacle"
    sleep 0.5
  done
  mapfile -t all < <(copies)
  if [ "${all[0]}" = "$master" ]; then stop "not now: $master is master and has no replica in step, and the data is restored on a replica first"; fi
  echo "target ${all[0]}"
  echo "master $master"
  echo "keys $(keyspace "$master")"
  echo "backups $([ -f "$configuration_directory/backup.address" ] && echo on || echo off)"
}

# prepare: this node holds the restored data, and the master is as it was.
prepare() {
  local keys bytes memory limit until info node
  keys=$(fact keys) bytes=$(fact bytes) memory=$(fact memory)
  if [ -z "$keys" ] || [ -z "$bytes" ]; then stop 'there is no copy on this node: fetch or receive it first'; fi
  until=$((SECONDS + safe_limit))
  until well; do
    ((SECONDS < until)) || stop "not now: $obstacle; nothing was changed"
    sleep 0.5
  done
  old=$master
  for node in "${names[@]}"; do
    if [ "$node" != "$me" ] && [ "${follows[$node]}" = 127.0.0.1 ]; then stop "another restore is under way on $node; nothing was changed"; fi
  done
  if [ "$me" = "$old" ] || ! grep -q -x "$me" < <(copies); then stop "$me is not a replica in step with $old; nothing was changed"; fi
  [ -f "$promotable_file" ] || stop "$me may not become master yet (it is new); nothing was changed"
  limit=$(number "$(here CONFIG GET maxmemory | sed -n 2p)")
  if ((${limit:-0} > 0 && ${memory:-0} > limit)); then
    stop "the data took $((memory >> 20)) MB where it was made, and Redis may use $((limit >> 20)) MB here (redisMemoryGb, redisMaxMemory); nothing was changed"
  fi
  changed=yes
  [ "$(here CONFIG SET replica-priority 0)" = OK ] || stop "$me does not take replica-priority 0; $old stays master"
  make_known "$me" 0 || stop "$obstacle; $old stays master"
  [ "$(here ACL SETUSER sentinel -slaveof)" = OK ] || stop "$me does not take a change of its users; $old stays master"
  serve
  say "$me loads the data; $old serves"
  follow_by_tls no || stop "$me does not take a change of its TLS; $old stays master"
  [ "$(here REPLICAOF 127.0.0.1 "$port")" = OK ] || stop "$me does not take another master; $old stays master"
  # At 4 MB/s, and a minute.
  until=$((SECONDS + 60 + bytes / 4194304))
  while true; do
    look "$me"
    info=$(here INFO persistence)
    if [ "${follows[$me]}" = 127.0.0.1 ] && [ "${link[$me]}" = up ] && [ "$(field aof_rewrite_in_progress <<<"$info")" = 0 ] &&
      [ "$(field aof_rewrite_scheduled <<<"$info")" = 0 ]; then
      break
    fi
    ((SECONDS < until)) || stop "$me has not loaded the data in time (journalctl -u redis-server); $old stays master"
    sleep 0.5
  done
  [ "$(field aof_last_bgrewrite_status <<<"$info")" = ok ] || stop "$me could not write its append-only file; $old stays master"
  [ "$(keyspace "$me")" = "$keys" ] || stop "$me has loaded $(keyspace "$me") of $keys keys; $old stays master"
  memory=$(number "$(here INFO memory | field used_memory)")
  if ((${limit:-0} > 0 && ${memory:-0} >= limit)); then
    stop "the data takes $((memory >> 20)) MB here, and Redis may use $((limit >> 20)) MB (redisMemoryGb, redisMaxMemory); $old stays master"
  fi
  say "$me has loaded all $keys keys; $old serves"
  as_account redis-ha-backup rm -f "$store/dump.rdb"
}

# keep: a backup of the present data, after the last write.
keep() {
  local node source=$old until=$((SECONDS + 30)) sent
  look "$old"
  sent=$(field master_repl_offset <<<"${information[$old]}")
  for node in "${names[@]}"; do
    if [ "$node" = "$old" ] || [ "$node" = "$me" ] || [ "${follows[$node]:-}" != "${address_of[$old]}" ]; then continue; fi
    while ((SECONDS < until)); do
      look "$node"
      look "$old"
      sent=$(field master_repl_offset <<<"${information[$old]}")
      # The master's signs of life count as well, so it is behind by those of a moment.
      if [ "${link[$node]}" = up ] && (($(number "$sent") - $(number "$(field slave_repl_offset <<<"${information[$node]}")") < 200)); then
        source=$node
        break 2
      fi
      sleep 0.2
    done
  done
  if [ "$(keyspace "$old")" = 0 ]; then
    say 'there is no present data to keep'
    return 0
  fi
  say "making a backup of the present data, of $source"
  systemctl start "redis-ha-backup@from-${address_of[$source]}.service" 2>/dev/null || true
  local line
  line=$(head -c 500 "$state/last" 2>/dev/null | tr -cd '[:print:]')
  case $line in
    ok\ *) say "the present data is kept: ${line#ok }" ;;
    *) stop "no backup of the present data: ${line:-nothing came of it} (--no-backup does without); $old stays master" ;;
  esac
}

# take_over: the Sentinels make this node the master.
take_over() {
  local reply='' node sentinel='' until=$((SECONDS + promotion_limit)) state_of
  [ "$(here CONFIG SET replica-priority 1)" = OK ] || stop "$me does not take replica-priority 1; $old stays master"
  make_known "$me" 1 || stop "$obstacle; $old stays master"
  # From here on there is no good place to stop.
  trap '' INT TERM
  while true; do
    if [ -z "$sentinel" ]; then
      for node in "$me" "${names[@]}"; do
        if [ -z "${named[$node]}" ]; then continue; fi
        reply=$(on "$node" '{{sentinel-port}}' SENTINEL FAILOVER "$REDIS_HA_MASTER_NAME")
        if [ "$reply" = OK ]; then sentinel=$node && break; fi
      done
    fi
    if [ -n "$sentinel" ]; then
      state_of=$(on "$sentinel" '{{sentinel-port}}' SENTINEL REPLICAS "$REDIS_HA_MASTER_NAME" |
        awk -v address="${address_of[$me]}" 'NR % 2 { key = $0; next } key == "ip" { ip = $0 } key == "flags" && ip == address { print; exit }')
      case ,$state_of, in *,promoted,*) break ;; esac
    fi
    ((SECONDS < until)) || stop "the Sentinels do not choose $me: ${reply:-no answer}; $old stays master"
    sleep 0.1
  done
  [ "$(here REPLICAOF NO ONE)" = OK ] || stop "$me does not become master; $old stays master"
  promoted=yes
  follow_by_tls yes || say "$me does not take a change of its TLS: restart its redis-server once it is a replica"
  say "$me is master"
  stop_serving
  for node in "${names[@]}"; do look "$node"; done
  attach "$me"
  wait
}

# copied KEYS: the others have the data. The master refuses writes until the first has. The Sentinel that leads the failover names the old
# master until all replicas have copied (sentinel.c, sentinelFailoverDetectEnd), so its agreement takes as long as that.
copied() {
  local keys=$1 until bytes least written=no good
  bytes=$(fact bytes)
  least=$(configured min-replicas-to-write)
  until=$((SECONDS + 120 + ${bytes:-0} / 1048576))
  until all_follow "$me"; do
    good=$(grep -c '^slave[0-9]*:.*,state=online,' <<<"${information[$me]:-}") || true
    if [ "$written" = no ] && ((good >= ${least:-0})); then
      written=yes
      say 'writes are taken again'
    fi
    ((SECONDS < until)) || stop "$me is master with the restored data and serves, but not all is well: $obstacle"
    sleep 0.2
  done
  if [ "$written" = no ]; then say 'writes are taken again'; fi
  say "all nodes that answer follow $me, and all Sentinels name it"
  here ACL SETUSER sentinel +slaveof >/dev/null
  here CONFIG SET replica-priority 100 >/dev/null
  on "$old" '{{redis-port}}' CONFIG SET min-replicas-to-write "$(configured min-replicas-to-write)" >/dev/null
  echo "restored: $me is master with $keys keys from the backup"
}

case $1 in
  look)
    look_around
    exit 0
    ;;
  fetch | receive)
    trap '' HUP PIPE
    as_account redis-ha-backup bash "$library/restore-fetch.sh" "$store" "$(dirname "$member_file")" "$@"
    exit 0
    ;;
esac
mkdir -p "$runtime_directory"
# No planned switchover from this node meanwhile.
exec 9>"$runtime_directory/switchover.lock"
flock --nonblock 9 || stop 'a switchover, or another restore, runs on this node'
trap '' HUP PIPE
trap 'exit 1' INT TERM
observe || true
for node in "${names[@]}"; do listen "$node"; done
if [ "$1" = undo ]; then
  put_right
  as_account redis-ha-backup rm -rf "$store"
  echo 'nothing of a restore is left'
  exit 0
fi
keys=$(fact keys)
trap finish EXIT
if left_over; then
  say 'a run was killed: putting right what it left'
  put_right || stop 'it cannot be put right now'
fi
prepare
[ "$(on "$old" '{{redis-port}}' CONFIG SET min-replicas-to-write "$fence")" = OK ] || stop "$old does not take the order to refuse writes; it stays master"
say "$old takes no writes from now on"
if [ "${2:-}" != --no-backup ]; then keep; fi
take_over
copied "$keys"
