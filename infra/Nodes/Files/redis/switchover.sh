#!/usr/bin/env bash
# A planned switchover: another node becomes master, no acknowledged write is lost, and clients wait for a fraction of a second.
#
# FAILOVER alone pauses the writes, waits until the target has all of them and exchanges the roles; but the Sentinels hear nothing of it, and half a
# minute later they promote a node of their own choice. SENTINEL FAILOVER alone leaves the old master writable for ten seconds.
# So: the target becomes the one that Sentinels prefer (replica-priority 1, known to each), FAILOVER exchanges the roles, and
# SENTINEL FAILOVER, which then can only choose the target, makes the Sentinels agree. Whatever fails before the exchange leaves the
# master as it was; what fails after it is taken back, as long as the Sentinels still name the old master.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: redis-ha-switchover [NODE] [--dry-run] [--complete] [--without NODE]... [--wait SECONDS]

Makes NODE (a name such as redis2, or an address) the master; without it, the replica that is least behind. Run it as root, on any Redis
node. It first waits until a switchover is safe: one master, the target follows closely, all Sentinels that answer agree. What an
interrupted run or a bare FAILOVER left behind is put right first. It ends when all nodes follow the new master.

  --dry-run        only say whether it is possible, and who would be master
  --complete       only when every node follows and every Sentinel answers, as before a restart of the old master
  --without NODE   with --complete: this node is dead and does not count; the others must be a majority even without the old master
  --wait SECONDS   how long to wait until it is safe, 20 unless set

Exit code 0: done (or possible), 1: not possible, or failed; the last line says why and who is master, 2: bad usage.
TEXT
}

dry_run=no complete=no without=' ' wanted='' safe_limit=20
while [ "$#" -gt 0 ]; do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) dry_run=yes ;;
    --complete) complete=yes ;;
    --without)
      case ${2:-} in '' | *[!A-Za-z0-9-]*) usage >&2 && exit 2 ;; esac
      without+="$2 "
      shift
      ;;
    --wait)
      safe_limit=${2:-}
      case $safe_limit in '' | *[!0-9]* | ?????*) usage >&2 && exit 2 ;; esac
      shift
      ;;
    -* | '') usage >&2 && exit 2 ;;
    *)
      if [ -n "$wanted" ]; then usage >&2 && exit 2; fi
      wanted=$1
      ;;
  esac
  shift
done

root=${REDIS_HA_ROOT:-}
# shellcheck source-path=SCRIPTDIR source=node.sh
. "$root/usr/local/libexec/redis-ha/node.sh"
# shellcheck source-path=SCRIPTDIR source=cluster.sh
. "$root/usr/local/libexec/redis-ha/cluster.sh"
# shellcheck source-path=SCRIPTDIR source=progress.sh
. "$root/usr/local/libexec/redis-ha/progress.sh"

[ -r "$root/etc/redis-ha/operator.password" ] || { echo 'redis-ha-switchover: run it as root' >&2 && exit 2; }
# A replica acknowledges every second.
readonly most_lag=2
# Seconds: until the Sentinels agree, until all nodes follow.
agree_limit=12
readonly follow_limit=60
# More when a node is dead: the failover is not over before the Sentinels know that it is (down-after).
readonly dead_node_limit=10
# Well below down-after: the Sentinels' own questions wait with the writes (PUBLISH), and they must not think that the master is down.
pause_limit=$((REDIS_HA_DOWN_AFTER_MS / 2 < 2000 ? REDIS_HA_DOWN_AFTER_MS / 2 : 2000))
readonly pause_limit

target='' obstacle='' preferred='' exchanging='' least=0 lowered='' parallel=''

# unfit NODE: why it cannot be the next master; nothing when it can.
unfit() {
  local lag
  lag=$(number "$(replica_field "$1" lag)")
  if [ -z "${role[$1]}" ]; then
    echo "$1 does not answer"
  elif [ "${follows[$1]}" != "${address_of[$master]}" ] || [ "${link[$1]}" != up ] || [ "$(replica_field "$1" state)" != online ]; then
    echo "$1 does not follow $master closely (its link is ${link[$1]:-down}; $master calls it $(replica_field "$1" state))"
  elif [ "${priority[$1]}" = 0 ]; then
    echo "$1 may not become master yet (replica-priority 0: it is new, or leaves)"
  elif ((${lag:-99} > most_lag || $(bytes_behind "$1") > most_behind)); then
    echo "$1 is $(bytes_behind "$1") bytes behind $master, and acknowledged ${lag:-?} s ago"
  fi
}

# safe: sets the target, or the obstacle.
safe() {
  local node reason best='' agree=0 followers=1
  observe || return 1
  for node in "${names[@]}"; do
    if [ -n "${named[$node]}" ]; then
      if [ "${named[$node]}" != "${address_of[$master]}" ] || [ "${flags[$node]}" != master ]; then
        obstacle="$master is the master, but the Sentinel on $node names ${name_of[${named[$node]}]:-${named[$node]}} (${flags[$node]})"
        return 1
      fi
      agree=$((agree + 1))
    fi
  done
  if ((agree * 2 <= ${#names[@]})); then
    obstacle="only $agree of ${#names[@]} Sentinels answer"
    return 1
  fi
  if [ "$(field master_failover_state <<<"${information[$master]}")" != no-failover ]; then
    obstacle="$master is in the middle of a FAILOVER"
    return 1
  fi
  for node in "${names[@]}"; do
    if [ "$node" = "$master" ] || [[ $without == *" $node "* ]]; then
      continue
    fi
    reason=$(unfit "$node")
    if [ "$complete" = yes ] && [ -z "${named[$node]}" ]; then
      reason="the Sentinel on $node does not answer"
    elif [ "$complete" = yes ] && [ "${priority[$node]}" = 0 ] && [ "$(replica_field "$node" state)" = online ]; then
      # New, or leaving: it counts as a replica all the same.
      continue
    fi
    if [ -n "$reason" ] && { [ "$complete" = yes ] || [ "$node" = "$wanted" ]; }; then
      obstacle=$reason
      return 1
    fi
    if [ -z "$reason" ] && [ -n "${named[$node]}" ] && { [ -z "$best" ] || (($(bytes_behind "$node") < $(bytes_behind "$best"))); }; then
      best=$node
    fi
    obstacle=${reason:-$obstacle}
  done
  # The old master's Sentinel may be away next.
  if [ "$complete" = yes ] && (((agree - 1) * 2 <= ${#names[@]})); then
    obstacle="only $agree of ${#names[@]} Sentinels answer, and without $master's no failover would be possible"
    return 1
  fi
  target=${wanted:-$best}
  if [ -z "$target" ]; then
    obstacle="no replica can be the next master: ${obstacle:-the master has no replica}"
    return 1
  fi
  if [ "$target" != "$master" ] && [ -z "${named[$target]}" ]; then
    obstacle="the Sentinel on $target does not answer"
    return 1
  fi
  for node in "${names[@]}"; do
    if [ "$node" != "$master" ] && [ "$node" != "$target" ] && [ "$(replica_field "$node" state)" = online ]; then
      followers=$((followers + 1))
    fi
  done
  least=$(number "$(on "$target" '{{redis-port}}' CONFIG GET min-replicas-to-write | sed -n 2p)")
  if ((followers < ${least:-0})); then
    obstacle="$target would have $followers replicas, and takes no writes with less than $least (min-replicas-to-write)"
    return 1
  fi
}

# half_done: the roles were exchanged, by an interrupted run or a bare FAILOVER, and the Sentinels do not know.
half_done() {
  local node
  if [ -z "$master" ]; then
    return 1
  fi
  for node in "${names[@]}"; do
    if [ "${follows[$node]}" = "${address_of[$master]}" ]; then
      case ,${flags[$master]}, in *,failover_in_progress,*) return 1 ;; esac
      if [ "${named[$master]}" = "${address_of[$node]}" ]; then
        return 0
      fi
    fi
  done
  return 1
}

# abreast: the Sentinels send all replicas to the new master at once, as usual unless sentinelParallelSyncs says fewer: then a dead one that comes first
# holds up all others until failover-timeout: it never says that it follows, and its time-out is looked at only when another may begin (sentinel.c,
# sentinelFailoverReconfNextSlave).
abreast() {
  local node
  if [ "$dry_run" = yes ] || [ -n "$parallel" ]; then return; fi
  for node in "${names[@]}"; do
    if [ -z "$parallel" ] && [ -n "${named[$node]}" ]; then
      parallel=$(on "$node" '{{sentinel-port}}' SENTINEL MASTER "$REDIS_HA_MASTER_NAME" | pair parallel-syncs)
    fi
  done
  parallel=${parallel:-1}
  each_sentinel SENTINEL SET "$REDIS_HA_MASTER_NAME" parallel-syncs "${#names[@]}" ||
    stop "not all Sentinels take parallel-syncs ${#names[@]}; nothing was changed"
}

# one_by_one: what abreast changed is as it was.
one_by_one() {
  if [ -n "$parallel" ]; then each_sentinel SENTINEL SET "$REDIS_HA_MASTER_NAME" parallel-syncs "$parallel" || true; fi
  parallel=''
}

# prefer NODE: every Sentinel that answers would choose it.
prefer() {
  preferred=$1
  [ "$(on "$1" '{{redis-port}}' CONFIG SET replica-priority 1)" = OK ] || stop "$1 does not take replica-priority 1; $master stays master"
  make_known "$1" 1 || stop "$obstacle; $master stays master"
}

# converse NODE: opens a connection to it, descriptors 7 to read and 8 to write; the password stays in this process.
converse() {
  local password reply
  password=$(cat "$root/etc/redis-ha/operator.password")
  if [ "${#tls[@]}" -gt 0 ]; then
    # bash has no TLS of its own. With -quiet the end of its input does not end it, so it is ended (part) or ends by itself.
    coproc LINK { exec timeout 120 openssl s_client -quiet -verify_return_error -CAfile "${tls[-1]}" -connect "${address_of[$1]}:{{redis-port}}" 2>/dev/null; }
    { exec 7<&"${LINK[0]:-none}" 8>&"${LINK[1]:-none}"; } 2>/dev/null || return 1
  else
    { exec 8<>"/dev/tcp/${address_of[$1]}/{{redis-port}}" && exec 7<&8; } 2>/dev/null || return 1
  fi
  # shellcheck disable=SC2016 # the dollar is the protocol's
  { printf '*3\r\n$4\r\nAUTH\r\n$8\r\noperator\r\n$%d\r\n%s\r\n' "${#password}" "$password" >&8; } 2>/dev/null &&
    IFS= read -r -t 2 reply <&7 && [ "$reply" = $'+OK\r' ]
}

# part: closes that connection.
part() {
  exec 7<&- 8>&-
  if [ -n "${LINK_PID:-}" ]; then
    kill "$LINK_PID" 2>/dev/null || true
    wait "$LINK_PID" 2>/dev/null || true
  fi
}

# acknowledge NODE: over that connection: what look would find, after an acknowledgement to its master. FAILOVER waits for the one that
# covers the last write, and a replica sends it once a second, or at once when it is asked by anybody (replication.c, replconfCommand).
acknowledge() {
  local length text
  printf 'REPLCONF GETACK *\r\nINFO replication\r\n' >&8 2>/dev/null && IFS= read -r -t 2 length <&7 || return 1
  length=${length//[$'$\r']/}
  case $length in '' | *[!0-9]* | ???????*) return 1 ;; esac
  LC_ALL=C read -r -t 2 -N $((length + 2)) text <&7 || return 1
  information[$1]=${text//$'\r'/}
  role[$1]=$(field role <<<"${information[$1]}")
}

# exchange FROM TO: FAILOVER, until TO says that it is master.
exchange() {
  local from=$1 to=$2 reply until
  converse "$to" || stop "$to does not answer: $from stays master"
  reply=$(on "$from" '{{redis-port}}' FAILOVER TO "${address_of[$to]}" '{{redis-port}}' TIMEOUT "$pause_limit")
  [ "$reply" = OK ] || stop "$from refused FAILOVER: ${reply:-no answer}; $from stays master"
  exchanging=$from
  until=$((SECONDS + pause_limit / 1000 + 5))
  until { acknowledge "$to" || look "$to"; } && [ "${role[$to]}" = master ]; do
    if ((SECONDS >= until)); then
      on "$from" '{{redis-port}}' FAILOVER ABORT >/dev/null
    fi
    look "$from"
    if [ "${role[$from]}" = master ] && [ "$(field master_failover_state <<<"${information[$from]}")" = no-failover ]; then
      # The roles may have changed between the two questions.
      look "$to"
      if [ "${role[$to]}" != master ]; then
        exchanging=''
        stop "$to did not have all writes within $pause_limit ms; $from stays master"
      fi
    fi
  done
  exchanging=''
  part
}

# fence NODE REPLICAS: how many it needs to take writes.
fence() {
  [ "$(on "$1" '{{redis-port}}' CONFIG SET min-replicas-to-write "$2")" = OK ]
}

# agree NODE: the Sentinels are asked for a failover; one order, and another only when it was refused or came to nothing.
agree() {
  local reply='' sentinel='' quiet=0 until=$((SECONDS + agree_limit))
  while true; do
    if [ -z "$sentinel" ]; then
      for sentinel in "$1" "${names[@]}"; do
        reply=$(on "$sentinel" '{{sentinel-port}}' SENTINEL FAILOVER "$REDIS_HA_MASTER_NAME")
        case $reply in OK | INPROG*) break ;; esac
        sentinel=''
      done
    fi
    if agreed "$1"; then return 0; fi
    if ((SECONDS >= until)); then
      obstacle="$obstacle; asked for a failover it said: ${reply:-nothing}"
      return 1
    fi
    # Under way it says so; without that and without a new name three times in a row, it was given up.
    case ,${flags[${sentinel:-$1}]}, in *,failover_in_progress,*) quiet=0 ;; *) quiet=$((quiet + 1)) ;; esac
    if ((quiet > 30)); then
      sentinel='' quiet=0
    fi
    sleep 0.1
  done
}

# What must never stay: a preference, Sentinels that ask too often or send all at once, paused writes.
put_back() {
  local code=$?
  trap - EXIT
  trap '' INT TERM
  ask_usually
  one_by_one
  if [ -n "$exchanging" ]; then on "$exchanging" '{{redis-port}}' FAILOVER ABORT >/dev/null; fi
  if [ -n "$lowered" ]; then fence "$lowered" "$least" || true; fi
  if [ -n "$preferred" ]; then on "$preferred" '{{redis-port}}' CONFIG SET replica-priority 100 >/dev/null; fi
  exit "$code"
}

# confirm NODE OLD: the Sentinels agree on the master that FAILOVER made, or everything is taken back.
confirm() {
  if agree "$1"; then
    return 0
  fi
  say "the Sentinels do not agree on $1 ($obstacle): taking it back"
  if [ -n "$2" ] && look "$2" && [ "${follows[$2]}" = "${address_of[$1]}" ] && [ "${link[$2]}" = up ]; then
    exchange "$1" "$2"
    attach "$2" "$1"
    wait
    stop "the Sentinels do not agree on $1: $obstacle; $2 is master again"
  fi
  stop "the Sentinels do not agree on $1: $obstacle; $1 is master now, and they may promote another node in half a minute: run this again"
}

if [ -n "$wanted" ]; then
  wanted=${name_of[$wanted]:-$wanted}
  if [ -z "${address_of[$wanted]:-}" ]; then
    echo "redis-ha-switchover: \"$wanted\" is not a Redis node; they are ${names[*]}" >&2
    exit 2
  fi
fi
mkdir -p "$runtime_directory"
exec 9>"$runtime_directory/switchover.lock"
if flock --wait "$safe_limit" 9; then SECONDS=0; else stop "another switchover has been running on this node for $safe_limit s; nothing was changed"; fi
# An ssh connection that ends must not end this half-way.
trap '' HUP PIPE
trap 'exit 1' INT TERM
trap put_back EXIT

until safe; do
  if half_done && [ "$dry_run" = no ]; then
    say "$master is master and the Sentinels do not know yet: putting that right first"
    prefer "$master"
    confirm "$master" ''
    on "$master" '{{redis-port}}' CONFIG SET replica-priority 100 >/dev/null
    preferred=''
  fi
  ((SECONDS < safe_limit)) || stop "not now: $obstacle; nothing was changed"
  sleep 0.5
done
# What an interrupted run left behind: the next failover would prefer that node.
for node in "${names[@]}"; do
  if [ "${priority[$node]}" = 1 ] && [ "$dry_run" = no ]; then on "$node" '{{redis-port}}' CONFIG SET replica-priority 100 >/dev/null; fi
done
if [ "$target" = "$master" ]; then
  echo "$target is the master already"
  exit 0
fi
for node in "${names[@]}"; do
  if [ -z "${role[$node]}" ] || [ -z "${named[$node]}" ]; then
    say "$node does not answer; going on without it"
    if ((agree_limit < 20)); then agree_limit=$((agree_limit + dead_node_limit)); fi
    abreast
  fi
done
say "$master is master; $target follows $(bytes_behind "$target") bytes behind"
if [ "$dry_run" = yes ]; then
  echo "$target can be master instead of $master"
  exit 0
fi

old=$master
prefer "$target"
say "all Sentinels would choose $target"
# From here to the Sentinels' agreement there is no good place to stop.
trap '' INT TERM
# The new master has the old one as its replica at once, the others a moment later: it must not refuse writes in between.
if ((${least:-0} > 1)); then
  lowered=$target
  fence "$target" 1 || stop "$target does not take min-replicas-to-write 1; $old stays master"
fi
exchange "$old" "$target"
attach "$target" "$old"
say "$target is master"
confirm "$target" "$old"
wait
if [ -n "$lowered" ]; then
  fence "$target" "$least" || say "$target does not take min-replicas-to-write $least again; it does when it is started again"
  lowered=''
fi
say "all Sentinels name $target"
on "$target" '{{redis-port}}' CONFIG SET replica-priority 100 >/dev/null
preferred=''
trap 'exit 1' INT TERM
until=$((SECONDS + follow_limit))
until all_follow "$target"; do
  ((SECONDS < until)) || stop "$target is master and serves, but not all is well after $follow_limit s: $obstacle"
  sleep 0.1
done
say "all nodes that answer follow $target"
echo "$target is master instead of $old"
