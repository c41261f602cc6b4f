# shellcheck shell=bash
# On the first Redis node, as root: what must happen before and after the proxies get another list of nodes.
# arguments: PASS SECONDS NODE=ADDRESS... (all nodes of the new list)
#   PASS "before": a node that leaves must not be master when the proxies forget it: another becomes master, and the Sentinels may not
#   promote it any more. PASS "after": a new node may be promoted, since all proxies know it; one that left is let go and forgotten.
set -euo pipefail
pass=$1 limit=$2
shift 2
nodes=("$@")
root=${REDIS_HA_ROOT:-}
export PATH=$root/usr/local/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
leaving_file=$root/var/lib/redis-ha/leaving
umask 077

library=$root/usr/local/libexec/redis-ha
# Where a former payload put it, until this rollout has come to that node.
if [ ! -f "$library/node.sh" ]; then library=$root/usr/local/lib/redis-ha; fi
if [ "$pass" = before ] && { [ ! -f "$library/node.sh" ] || [ ! -f "$root/etc/redis-ha/operator.password" ]; }; then
  # Nothing was ever applied here, so no proxy routes here either.
  echo 'a new machine: nothing leaves'
  exit 0
fi
# shellcheck disable=SC1091
. "$library/node.sh"

give_up() {
  echo "$1" >&2
  exit 1
}

# A run whose connection ended may be at work: two at once would make two Sentinels forget at the same time.
exec 9>"$root/var/lib/redis-ha/membership.lock"
flock --wait $((2 * limit)) 9 || give_up "another run has been changing the list of nodes for $((2 * limit)) s; run pulumi up again when it has ended"

# listed ADDRESS: whether it is a node of the new list.
listed() {
  local entry
  for entry in "${nodes[@]}"; do
    if [ "${entry#*=}" = "$1" ]; then return 0; fi
  done
  return 1
}

# replication ADDRESS FIELD
replication() {
  ask "$1" '{{redis-port}}' INFO replication 2>/dev/null | field "$2" || true
}

# bar ADDRESS: never promoted from now on. A node that does not answer cannot be, either.
bar() {
  if [ -n "$(replication "$1" role)" ]; then
    [ "$(ask "$1" '{{redis-port}}' CONFIG SET replica-priority 0)" = OK ] || give_up "the node at $1 leaves, but does not take replica-priority 0"
  fi
}

# remembered: nodes that left in this or an earlier run and are not yet forgotten.
remembered() {
  known=()
  if [ -f "$leaving_file" ]; then mapfile -t known <"$leaving_file"; fi
}

before() {
  local entry master=''
  # Those of an earlier run that did not come to its end, and those of the list that this node has.
  remembered
  for entry in "${known[@]}" $REDIS_HA_NODES; do
    if ! listed "${entry#*=}"; then leaving+=("$entry"); fi
  done
  if [ "${#leaving[@]}" -eq 0 ]; then
    rm -f "$leaving_file"
    echo 'no node leaves'
    return
  fi
  printf '%s\n' "${leaving[@]}" | sort -u >"$leaving_file.new"
  mv "$leaving_file.new" "$leaving_file"
  # A run that was killed has noted those that this node's list still has.
  mapfile -t leaving <"$leaving_file"
  for entry in "${leaving[@]}"; do
    if [ "$(replication "${entry#*=}" role)" = master ]; then master=$entry; else bar "${entry#*=}"; fi
  done
  if [ -n "$master" ]; then
    echo "${master%%=*} leaves and is the master; switching over"
    redis-ha-switchover --wait 120 </dev/null ||
      give_up "${master%%=*} leaves and is the master, and the switchover was not possible; the reason is above. Nothing else was changed"
    bar "${master#*=}"
  fi
  for node in "${nodes[@]}"; do
    hurry "${node#*=}"
    for entry in "${leaving[@]}"; do
      until [ -z "$(known_priority "${node#*=}" "${entry#*=}")" ] || [ "$(known_priority "${node#*=}" "${entry#*=}")" = 0 ] || ((SECONDS >= 15)); do
        sleep 0.2
      done
    done
    rest
  done
  echo "leaving: ${leaving[*]%%=*}"
}

# hurry SENTINEL: it looks at the nodes twice a second instead of every ten seconds (Redis 7.0 and newer), until rest.
hurry() {
  hurried=$1
  ask "$1" '{{sentinel-port}}' SENTINEL DEBUG INFO-PERIOD 500 >/dev/null 2>&1 || true
}

rest() {
  if [ -n "$hurried" ]; then ask "$hurried" '{{sentinel-port}}' SENTINEL DEBUG INFO-PERIOD 10000 >/dev/null 2>&1 || true; fi
  hurried=''
}

# known_priority SENTINEL ADDRESS: what the Sentinel there would choose by.
known_priority() {
  ask "$1" '{{sentinel-port}}' SENTINEL REPLICAS "$REDIS_HA_MASTER_NAME" 2>/dev/null |
    awk -v address="$2" 'NR % 2 { key = $0; next } key == "ip" { ip = $0 } key == "slave-priority" && ip == address { print; exit }' || true
}

# strangers SENTINEL: addresses that it knows and the list does not.
strangers() {
  local what address
  for what in REPLICAS SENTINELS; do
    for address in $(ask "$1" '{{sentinel-port}}' SENTINEL "$what" "$REDIS_HA_MASTER_NAME" 2>/dev/null | awk 'NR % 2 { key = $0; next } key == "ip"' || true); do
      if ! listed "$address"; then echo "$address"; fi
    done
  done | sort -u
}

# view SENTINEL: flags, replicas and other Sentinels as it counts them.
view() {
  ask "$1" '{{sentinel-port}}' SENTINEL MASTER "$REDIS_HA_MASTER_NAME" 2>/dev/null |
    awk 'NR % 2 { key = $0; next } key ~ /^(flags|num-slaves|num-other-sentinels)$/ { value[key] = $0 }
      END { print value["flags"], value["num-slaves"] + 0, value["num-other-sentinels"] + 0 }' || true
}

# forget SENTINEL: it knows only nodes of the list afterwards. One after the other, so that a majority always knows all.
forget() {
  local foreign seen until=$((SECONDS + limit)) expected="master $((${#nodes[@]} - 1)) $((${#nodes[@]} - 1))"
  foreign=$(strangers "$1")
  if [ -z "$foreign" ]; then
    # A run that was killed may have left it in a hurry.
    hurried=$1
    rest
    return
  fi
  until [ "$(view "$1" | cut -d ' ' -f 1)" = master ]; do
    ((SECONDS < until)) || give_up "the Sentinel on $1 does not see a healthy master, so it must not forget ${foreign//$'\n'/ } now: $(view "$1")"
    sleep 0.5
  done
  hurry "$1"
  [ "$(ask "$1" '{{sentinel-port}}' SENTINEL RESET "$REDIS_HA_MASTER_NAME")" = 1 ] || give_up "the Sentinel on $1 refused SENTINEL RESET"
  until seen=$(view "$1") && [ "$seen" = "$expected" ]; do
    ((SECONDS < until)) || give_up "the Sentinel on $1 forgot ${foreign//$'\n'/ }, but $limit s later it sees \"$seen\" (flags, replicas, other Sentinels); \"$expected\" expected"
    sleep 0.2
  done
  rest
  echo "the Sentinel on $1 has forgotten ${foreign//$'\n'/ }"
}

after() {
  local entry role until=$((SECONDS + limit))
  for entry in "${nodes[@]}"; do
    until role=$(replication "${entry#*=}" role) && { [ "$role" = master ] || [ "$(replication "${entry#*=}" master_link_status)" = up ]; }; do
      ((SECONDS < until)) || give_up "${entry%%=*} does not follow the master, so it cannot be promotable yet"
      sleep 0.5
    done
    if [ "$role" = slave ] && [ "$(replication "${entry#*=}" slave_priority)" = 0 ]; then
      [ "$(ask "${entry#*=}" '{{redis-port}}' CONFIG SET replica-priority 100)" = OK ] || give_up "${entry%%=*} does not take replica-priority 100"
      echo "${entry%%=*} may be promoted from now on"
    fi
  done
  remembered
  for entry in "${known[@]}"; do
    if ! listed "${entry#*=}" && [ -n "$(replication "${entry#*=}" role)" ]; then
      # It stays a replica, so it never takes writes, but of nobody; its Sentinel votes no more and tells nobody of itself. The others, which
      # would make it follow the master again, cannot log in there until it is started again.
      ask "${entry#*=}" '{{sentinel-port}}' SENTINEL REMOVE "$REDIS_HA_MASTER_NAME" >/dev/null 2>&1 || true
      [ "$(ask "${entry#*=}" '{{redis-port}}' ACL SETUSER sentinel off)" = OK ] || give_up "${entry%%=*} leaves, but does not let go of the Sentinels"
      ask "${entry#*=}" '{{redis-port}}' CLIENT KILL USER sentinel >/dev/null
      # Done by a run that was killed: "OK Already connected to specified master".
      case $(ask "${entry#*=}" '{{redis-port}}' REPLICAOF 127.0.0.1 1) in
        OK*) ;;
        *) give_up "${entry%%=*} leaves, but does not let go of the master" ;;
      esac
      echo "${entry%%=*} has left"
    fi
  done
  for entry in "${nodes[@]}"; do
    forget "${entry#*=}"
  done
  rm -f "$leaving_file"
  echo 'all nodes are promotable, and the Sentinels know no others'
}

leaving=() known=() hurried=''
trap rest EXIT
SECONDS=0
case $pass in
  before) before ;;
  after) after ;;
  *) give_up "the pass \"$pass\" is not known" ;;
esac
