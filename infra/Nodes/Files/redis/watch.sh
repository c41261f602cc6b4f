#!/usr/bin/env bash
# Watches redis-server and Sentinel of this node, as the user redis (redis-ha-watch.service).
#
# 1. A redis-server that is of no use stays so until somebody acts: a script that has written cannot be ended (BUSY), and a paused
#    server holds back even the UNPAUSE. While it is master, its Sentinels end the script or promote another node. When another node is
#    master, this watch ends the script, or kills redis-server; systemd starts it again, and the boot rule makes it a replica.
#    It never touches the node that is master, nor one that loads its data, and kills once in two minutes at most.
# 2. It says in the journal what nobody else sees on this node: a Sentinel that names, or knows, addresses that are not ours, an epoch that
#    jumped (docs/security.md: the way back), a disk that is nearly full.
#
# Time is counted in rounds, so a clock that is set changes nothing. What is wrong now is the unit's status text.
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"

interval=${REDIS_HA_WATCH_INTERVAL:-5}
# Rounds. A round takes the interval, and up to 3 s more when redis-server does not answer.
readonly busy_patience=3 silent_patience=5 running_patience=40 look_around=6 repeat=60
# The program gives an epoch to each failover; nobody makes a thousand between two looks.
readonly epoch_jump=1000
way_back='(docs/security.md, "The way back")'
state_directory=${STATE_DIRECTORY:?} runtime=${RUNTIME_DIRECTORY:?}
REDISCLI_AUTH=$(cat "${CREDENTIALS_DIRECTORY:?}/watch.password")
export REDISCLI_AUTH

say() {
  printf '<5>%s\n' "$1"
}

# ask_as_watch ADDRESS PORT COMMAND...
ask_as_watch() {
  local address=$1 port=$2
  shift 2
  timeout 2 redis-cli --no-auth-warning "${tls[@]}" --user watch -h "$address" -p "$port" "$@" </dev/null 2>/dev/null | tr -d '\r'
}

# redis_state: well, down (refuses connections), loading, busy, paused (for writes), silent or strange. PUBLISH waits when writes are
# paused, on a replica too, and changes nothing.
redis_state() {
  local reply code=0
  reply=$(printf 'PING\nPUBLISH redis-ha:watch probe\n' |
    timeout 3 redis-cli --no-auth-warning "${tls[@]}" --user watch -h "$REDIS_HA_ADDRESS" -p '{{redis-port}}' 2>&1 | tr -d '\r') || code=$?
  case $reply in
    *'Could not connect'*) echo down ;;
    LOADING*) echo loading ;;
    BUSY*) echo busy ;;
    PONG*[0-9]*) echo well ;;
    PONG*) if [ "$code" = 124 ]; then echo paused; else echo strange; fi ;;
    '') if [ "$code" = 124 ]; then echo silent; else echo down; fi ;;
    *) echo strange ;;
  esac
}

# other_master: the address that a majority of all Sentinels names, when it is not this node's and that node does not deny it (after
# FAILOVER TO the Sentinels name the old master for half a minute, and that one follows us).
other_master() {
  local entry named count total=0 reply
  for entry in $REDIS_HA_NODES; do total=$((total + 1)); done
  read -r count named < <(
    for entry in $REDIS_HA_NODES; do
      { ask_as_watch "${entry#*=}" '{{sentinel-port}}' SENTINEL GET-MASTER-ADDR-BY-NAME "$REDIS_HA_MASTER_NAME" | sed -n '1{/^[0-9.]*$/p}'; } &
    done | sort | uniq -c | sort -rn
  ) || return 1
  if [ -z "${named:-}" ] || ((count * 2 <= total)) || [ "$named" = "$REDIS_HA_ADDRESS" ]; then
    return 1
  fi
  reply=$(ask_as_watch "$named" '{{redis-port}}' INFO replication) || reply=''
  [ "$(field role <<<"$reply")" != slave ] || return 1
  echo "$named"
}

# redis_process: the process id of redis-server in its unit, not that of a child that saves or rewrites; nothing when it does not run.
redis_process() {
  local slice unit id parent all
  # systemd's own hierarchy has a folder of its own where the kernel still offers the first version of control groups.
  for slice in "$root"/sys/fs/cgroup/{,systemd/}system.slice; do
    for unit in redis-server redis; do
      all=$(tr '\n' ' ' 2>/dev/null <"$slice/$unit.service/cgroup.procs") || continue
      for id in $all; do
        if [ "$(cat "/proc/$id/comm" 2>/dev/null)" = redis-server ]; then
          parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$id/status" 2>/dev/null) || continue
          case " $all" in *" $parent "*) continue ;; esac
          echo "$id"
          return 0
        fi
      done
    done
  done
}

# restart_redis PROCESS WHY
restart_redis() {
  if [ -n "$(find "$runtime/killed" -mmin -2 2>/dev/null)" ]; then
    return 0
  fi
  : >"$runtime/killed"
  printf '<3>redis-server %s: killing it (process %s), so that it starts again as a replica\n' "$2" "$1"
  kill -KILL "$1"
}

# care STATE ROUNDS: what to do about redis-server, which has been of no use for so many rounds.
care() {
  local state=$1 rounds=$2 master process activity why
  if ((rounds < 1)) || ! master=$(other_master); then
    return 0
  fi
  if [ "$state" = busy ]; then
    if [ "$(ask_as_watch "$REDIS_HA_ADDRESS" '{{redis-port}}' SCRIPT KILL)" = OK ] || [ "$(ask_as_watch "$REDIS_HA_ADDRESS" '{{redis-port}}' FUNCTION KILL)" = OK ]; then
      say "ended a script that kept redis-server BUSY, while $master is master"
      return 0
    fi
  fi
  process=$(redis_process)
  if [ -z "$process" ]; then
    return 0
  fi
  activity=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$process/status" 2>/dev/null) || return 0
  case $state.$activity in
    busy.*) why='is BUSY with a script or function that cannot be ended' ;;
    paused.*) why='is paused (CLIENT PAUSE)' ;;
    # Waiting for the disk, or stopped by a debugger or the freezer: not ours to judge.
    silent.[DTt]) return 0 ;;
    silent.R)
      if ((rounds < running_patience)); then return 0; fi
      why='has not answered for minutes (a command that takes for ever)'
      ;;
    silent.*)
      if ((rounds < silent_patience)); then return 0; fi
      why='does not answer (CLIENT PAUSE)'
      ;;
  esac
  if ((rounds >= busy_patience)); then
    restart_redis "$process" "$why, while $master is master"
  fi
}

declare -A found=() shouted=() texts=()

# finding KEY PRIORITY TEXT: something is wrong now.
finding() {
  found[$1]="<$2>$3"
}

ours() {
  case " $our_addresses " in *" $1 "*) return 0 ;; esac
  return 1
}

# strangers PORT: of "ip" and "port" in flat name-value answers, those that are not ours: how many, and the first three.
strangers() {
  local address port count=0 first=''
  while read -r address port; do
    if [ "$port" = "$1" ] && ours "$address"; then continue; fi
    count=$((count + 1))
    if ((count <= 3)); then first="$first $address:$port"; fi
  done < <(awk 'NR % 2 { name = $0; next } name == "ip" { ip = $0 } name == "port" { print ip, $0 }' | tr -cd 'A-Za-z0-9.: \n-')
  if ((count > 0)); then echo "$count:$first"; fi
}

look_at_sentinel() {
  local reply named port epoch own last list
  reply=$(ask_as_watch "$REDIS_HA_ADDRESS" '{{sentinel-port}}' SENTINEL MASTER "$REDIS_HA_MASTER_NAME") || return 0
  named=$(pair ip <<<"$reply" | tr -cd 'A-Za-z0-9.:-')
  port=$(pair port <<<"$reply" | tr -cd '0-9')
  # Sentinel prints its unsigned 64 bits as a signed number: -1 is 2^64-1.
  epoch=$(pair config-epoch <<<"$reply" | tr -cd '0-9-')
  if [ -z "$named" ] || [ -z "$epoch" ]; then
    return 0
  fi
  if ! ours "$named" || [ "$port" != '{{redis-port}}' ]; then
    finding master 3 "this node's Sentinel names $named:$port as master, which is not a node of this cluster $way_back"
  fi
  list=$(ask_as_watch "$REDIS_HA_ADDRESS" '{{sentinel-port}}' SENTINEL SENTINELS "$REDIS_HA_MASTER_NAME" | strangers '{{sentinel-port}}') || list=''
  if [ -n "$list" ]; then
    finding sentinels 3 "this node's Sentinel knows Sentinels that are not of this cluster, $list $way_back"
  fi
  reply=$(pair num-other-sentinels <<<"$reply" | tr -cd '0-9')
  if ((${reply:-0} > $(wc -w <<<"$our_addresses") - 1)); then
    finding many 3 "this node's Sentinel counts $reply others, more than this cluster has: a majority is of all of them $way_back"
  fi
  list=$(ask_as_watch "$REDIS_HA_ADDRESS" '{{sentinel-port}}' SENTINEL REPLICAS "$REDIS_HA_MASTER_NAME" | strangers '{{redis-port}}') || list=''
  if [ -n "$list" ]; then
    finding replicas 3 "this node's Sentinel knows replicas that are not of this cluster, $list $way_back"
  fi
  # The current epoch is in Sentinel's file only; it may be ahead of the master's.
  own=$(awk 'tolower($1) == "sentinel" && $2 == "current-epoch" { print $3 }' "$sentinel_file" 2>/dev/null) || own=0
  last=$(cat "$state_directory/epoch" 2>/dev/null) || last=''
  # awk's numbers hold 2^64-1 well enough for this; those of bash do not.
  case $(awk -v a="$epoch" -v b="${own:-0}" -v last="$last" -v jump="$epoch_jump" 'BEGIN {
    if (a + 0 < 0) a += 2^64
    high = (a + 0 > b + 0) ? a : b
    if (last == "") last = (high + 0 > 1e9) ? 0 : high
    print (high - last > jump) ? "jump " last " " high : "take " high }') in
    jump*) finding epoch 3 "the Sentinels' epoch jumped from ${last:-a small number} to $epoch or ${own:-0}; near its end there is no failover $way_back" ;;
    take*) awk -v a="$epoch" -v b="${own:-0}" 'BEGIN { print (a + 0 > b + 0) ? a : b }' >"$state_directory/epoch" ;;
  esac
}

look_at_disk() {
  local used
  used=$(df -P "$(dirname "$member_file")" | awk 'NR == 2 { sub(/%/, "", $5); print $5 }') || return 0
  if ((${used:-0} > 85)); then
    finding disk 4 "the disk of Redis' data is $used % full; when it is full Redis refuses every write (docs/nodes.md, \"A full disk\")"
  fi
}

# report: each finding when it appears and again now and then; one line when it ends.
report() {
  local key status=''
  for key in "${!found[@]}"; do
    if [ -z "${shouted[$key]:-}" ] || ((round - ${shouted[$key]} >= repeat)); then
      shouted[$key]=$round
      printf '%s\n' "${found[$key]}"
    fi
  done
  for key in "${!shouted[@]}"; do
    if [ -z "${found[$key]:-}" ]; then
      say "no longer: ${texts[$key]#<?>}"
      unset "shouted[$key]" "texts[$key]"
    else
      texts[$key]=${found[$key]}
      status="${status:+$status; }${found[$key]#<?>}"
    fi
  done
  if [ "$status" != "$last_status" ]; then
    last_status=$status
    if [ -n "${NOTIFY_SOCKET:-}" ]; then systemd-notify --status="${status:-nothing found}" || true; fi
  fi
}

our_addresses=''
for entry in $REDIS_HA_NODES; do our_addresses="$our_addresses ${entry#*=}"; done
round=0 useless=0 last_status=-
while true; do
  state=$(redis_state)
  case $state in
    busy | paused | silent) useless=$((useless + 1)) ;;
    *) useless=0 ;;
  esac
  care "$state" "$useless"
  if ((round % look_around == 0)); then
    found=()
    look_at_sentinel
    look_at_disk
    report
  fi
  round=$((round + 1))
  sleep "$interval"
done
