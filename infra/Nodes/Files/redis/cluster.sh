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
  information[$1]=$(on "$1" 6379 INFO replication)
  role[$1]=$(field role <<<"${information[$1]}")
  follows[$1]=$(field master_host <<<"${information[$1]}")
  link[$1]=$(field master_link_status <<<"${information[$1]}")
  priority[$1]=$(field slave_priority <<<"${information[$1]}")
}

# listen NODE: whom its Sentinel names, and the flags; empty when it does not answer.
listen() {
  local reply
  reply=$(on "$1" 26379 SENTINEL MASTER "$REDIS_HA_MASTER_NAME")
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

# known_priority SENTINEL NODE
known_priority() {
  on "$1" 26379 SENTINEL REPLICAS "$REDIS_HA_MASTER_NAME" |
    awk -v address="${address_of[$2]}" 'NR % 2 { key = $0; next } key == "ip" { ip = $0 } key == "slave-priority" && ip == address { print; exit }'
}
