# shellcheck shell=bash
# shellcheck disable=SC2034 # names set here are read by the scripts that source this
# The whole cluster as one node sees it: what every Redis node and every Sentinel says of itself. Sourced, after node.sh.

names=()
declare -A address_of=() name_of=() role=() follows=() link=() priority=() information=() named=() flags=()
for entry in $REDIS_HA_NODES; do
  names+=("${entry%%=*}")
  address_of[${entry%%=*}]=${entry#*=}
  name_of[${entry#*=}]=${entry%%=*}
done
master='' obstacle=''

# on NODE PORT COMMAND...: the answer, empty when there is none.
on() {
  local node=$1 port=$2
  shift 2
  ask "${address_of[$node]}" "$port" "$@" 2>/dev/null || true
}

# look NODE: role, whom it follows, link, priority; an empty role when it does not answer.
look() {
  information[$1]=$(on "$1" '{{redis-port}}' INFO replication)
  role[$1]=$(field role <<<"${information[$1]}")
  follows[$1]=$(field master_host <<<"${information[$1]}")
  link[$1]=$(field master_link_status <<<"${information[$1]}")
  priority[$1]=$(field slave_priority <<<"${information[$1]}")
}

# listen NODE: whom its Sentinel names, and the flags; empty when it does not answer.
listen() {
  local reply
  reply=$(on "$1" '{{sentinel-port}}' SENTINEL MASTER "$REDIS_HA_MASTER_NAME")
  named[$1]=$(pair ip <<<"$reply")
  flags[$1]=$(pair flags <<<"$reply")
}

observe() {
  local node
  for node in "${names[@]}"; do
    look "$node"
    listen "$node"
  done
  master=''
  for node in "${names[@]}"; do
    if [ "${role[$node]}" = master ]; then
      if [ -n "$master" ]; then
        obstacle="$master and $node both say that they are the master"
        return 1
      fi
      master=$node
    fi
  done
  if [ -z "$master" ]; then
    obstacle='no node says that it is the master'
    return 1
  fi
}

# replica_field NODE KEY: what the master says of a replica: state, offset or lag.
replica_field() {
  sed -n "s/^slave[0-9]*:ip=${address_of[$1]//./\\.},.*[,]$2=\([^,]*\).*/\1/p" <<<"${information[$master]}"
}

# copies: the nodes whose data a backup takes: all replicas that are in step; the master when there is none.
copies() {
  local node all=''
  for node in "${names[@]}"; do
    if [ "$node" != "$master" ] && [ "$(replica_field "$node" state)" = online ] && [ "${link[$node]}" = up ] &&
      [ "${follows[$node]}" = "${address_of[$master]}" ]; then
      all+="$node "
    fi
  done
  tr ' ' '\n' <<<"${all:-$master}" | sed '/^$/d'
}

bytes_behind() {
  local offset sent
  offset=$(number "$(replica_field "$1" offset)")
  sent=$(number "$(field master_repl_offset <<<"${information[$master]}")")
  echo $((${sent:-0} - ${offset:-0}))
}

# Bytes that a replica may be behind and still be called in step.
most_behind=4194304

# keeps_step NODE: whether a node is the master or follows it closely, and its Sentinel names it; otherwise the obstacle. After observe.
keeps_step() {
  local behind
  if [ -z "${role[$1]}" ]; then
    obstacle="$1 does not answer"
  elif [ "${named[$1]}" != "${address_of[$master]}" ] || [ "${flags[$1]}" != master ]; then
    obstacle="the Sentinel on $1 does not see $master as a healthy master: ${named[$1]:-no answer} ${flags[$1]}"
  elif [ "$1" = "$master" ]; then
    return 0
  elif [ "${follows[$1]}" != "${address_of[$master]}" ] || [ "${link[$1]}" != up ] || [ "$(replica_field "$1" state)" != online ]; then
    obstacle="$1 does not follow $master (its link is ${link[$1]:-down})"
  else
    behind=$(bytes_behind "$1")
    if ((behind <= most_behind)); then return 0; fi
    obstacle="$1 is $behind bytes behind $master"
  fi
  return 1
}

# each_sentinel COMMAND...: to every Sentinel that answers; fails when one refuses.
each_sentinel() {
  local node failed=0
  for node in "${names[@]}"; do
    if [ -n "${named[$node]}" ] && [ "$(on "$node" '{{sentinel-port}}' "$@")" != OK ]; then failed=1; fi
  done
  return $failed
}

# agreed NODE: every Sentinel that answers names it, and sees no failover. A dead machine is not asked again: each time would take seconds of the
# few in which the Sentinels must agree.
agreed() {
  local node
  for node in "${names[@]}"; do
    if [ -z "${role[$node]}" ] && [ -z "${named[$node]}" ]; then continue; fi
    listen "$node"
    if [ -n "${named[$node]}" ] && { [ "${named[$node]}" != "${address_of[$1]}" ] || [ "${flags[$node]}" != master ]; }; then
      obstacle="the Sentinel on $node names ${name_of[${named[$node]}]:-${named[$node]}} (${flags[$node]})"
      return 1
    fi
  done
}

# attach NODE [EXCEPT]: all other nodes that answer to the new master. The Sentinels would do the same a second later.
attach() {
  local node
  for node in "${names[@]}"; do
    if [ "$node" != "$1" ] && [ "$node" != "${2:-}" ] && [ -n "${role[$node]}" ]; then
      on "$node" '{{redis-port}}' REPLICAOF "${address_of[$1]}" '{{redis-port}}' >/dev/null &
    fi
  done
}

# all_follow NODE: every node that answers follows it, and it calls each of them online.
all_follow() {
  local node
  observe || return 1
  if [ "$master" != "$1" ]; then
    obstacle="$master is master, not $1"
    return 1
  fi
  for node in "${names[@]}"; do
    if [ "$node" != "$1" ] && [ -n "${role[$node]}" ]; then
      if [ "${follows[$node]}" != "${address_of[$1]}" ] || [ "${link[$node]}" != up ] || [ "$(replica_field "$node" state)" != online ]; then
        obstacle="$node does not follow $1 yet (its link is ${link[$node]:-down})"
        return 1
      fi
    fi
  done
  agreed "$1"
}

# known_priority SENTINEL NODE
known_priority() {
  on "$1" '{{sentinel-port}}' SENTINEL REPLICAS "$REDIS_HA_MASTER_NAME" |
    awk -v address="${address_of[$2]}" 'NR % 2 { key = $0; next } key == "ip" { ip = $0 } key == "slave-priority" && ip == address { print; exit }'
}

# SENTINEL DEBUG's info-period: usual and for a moment, in milliseconds. Three times as long, an answer counts when a replica is chosen.
readonly usual_period=10000 short_period=500
# Seconds until the Sentinels know a priority: they ask every 10 s.
readonly known_limit=15
asked_often=no

# ask_usually: the Sentinels look as often as they do usually.
ask_usually() {
  if [ "$asked_often" = yes ]; then each_sentinel SENTINEL DEBUG INFO-PERIOD "$usual_period" || true; fi
  asked_often=no
}

# make_known NODE PRIORITY: waits until every Sentinel that answers knows the node's priority; an obstacle when one does not. Whoever calls it
# sees to ask_usually when it ends on the way.
make_known() {
  local node behind until=$((SECONDS + known_limit))
  asked_often=yes
  # Redis 7.0 and newer; an older Sentinel is waited for.
  each_sentinel SENTINEL DEBUG INFO-PERIOD "$short_period" || say 'the Sentinels ask every 10 s only (Redis 6.2)'
  while true; do
    behind=''
    for node in "${names[@]}"; do
      if [ -n "${named[$node]}" ] && [ "$(known_priority "$node" "$1")" != "$2" ]; then behind=$node; fi
    done
    if [ -z "$behind" ]; then break; fi
    if ((SECONDS >= until)); then
      obstacle="the Sentinel on $behind does not know after $known_limit s that $1 has the priority $2"
      return 1
    fi
    sleep 0.1
  done
  ask_usually
}
