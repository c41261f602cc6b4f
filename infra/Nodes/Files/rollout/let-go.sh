# shellcheck shell=bash
# shellcheck disable=SC2154 # names that cluster.sh sets
# On a node, as root, before it restarts with another size, shape or fault domain, or another machine takes its place: what it does is
# taken over by others. Does nothing on a machine that is already as it is to be, after a run that stopped half-way.
# arguments: STEP NAME SECONDS TARGET SHAPE OCPUS MEMORY-GB FAULT-DOMAIN (an empty one: any)
#   STEP "before": a Redis node is no master afterwards (TARGET is, where it is given), and all other nodes are in step; a proxy has
#   ended its sessions. STEP "after": on a Redis node that stands for all, waits until all nodes are in step.
set -euo pipefail
step=$1 name=$2 limit=$3 target=$4 shape=$5 ocpus=$6 memory=$7 fault_domain=$8
root=${REDIS_HA_ROOT:-}
export PATH=$root/usr/local/sbin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
library=$root/usr/local/libexec/redis-ha
# Seconds after which a proxy serves again when its machine was not restarted after all, because OCI had no room for it.
readonly restart_limit=600

say() {
  echo "$name: $1"
}

give_up() {
  say "$1" >&2
  exit 1
}

# fact PATH: what the metadata service says of this machine.
fact() {
  curl --silent --fail --noproxy '*' --max-time 5 --header 'Authorization: Bearer Oracle' "http://169.254.169.254/opc/v2/instance/$1" </dev/null || true
}

# same TEXT TEXT: as numbers where they are, since 8 GB are 8.0.
same() {
  [ -z "$1" ] || awk -v a="$1" -v b="$2" 'BEGIN { exit !(b != "" && a == b) }'
}

# as_wanted: whether the machine runs with everything that it is to have.
as_wanted() {
  same "$shape" "$(fact shape)" && same "$ocpus" "$(fact shapeConfig/ocpus)" && same "$memory" "$(fact shapeConfig/memoryInGBs)" &&
    same "$fault_domain" "$(fact faultDomain)"
}

# in_step EXCEPT: whether all nodes but one follow the one master closely and all their Sentinels name it; otherwise the obstacle.
in_step() {
  local node
  observe || return 1
  for node in "${names[@]}"; do
    if [ "$node" != "$1" ]; then keeps_step "$node" || return 1; fi
  done
}

# wait_in_step EXCEPT
wait_in_step() {
  until in_step "$1"; do
    ((SECONDS < limit)) ||
      give_up "not all other nodes are in step after $limit s: $obstacle. No further machine was changed; bring it back, then run pulumi up again"
    sleep 0.5
  done
}

# The data must fit into the new machine: three quarters of its memory are for it.
check_memory() {
  local used
  if [ -z "$memory" ]; then return; fi
  used=$(number "$(on "$master" '{{redis-port}}' INFO memory | field used_memory)")
  if ((${used:-0} / 1048576 > memory * 1024 * 3 / 4)); then
    give_up "the data takes $((used / 1048576)) MB, more than three quarters of $memory GB. Nothing was changed on this machine; set redisMemoryGb higher"
  fi
}

before_redis() {
  wait_in_step "$name"
  check_memory
  if [ "${role[$name]}" = master ]; then
    say 'is the master; switching over'
    redis-ha-switchover ${target:+"$target"} --complete --wait 60 </dev/null ||
      give_up 'the switchover was not possible; the reason is above. This machine was not changed; bring back what is missing, then run pulumi up again'
    wait_in_step "$name"
    [ "$master" != "$name" ] || give_up 'is the master again after a switchover; this machine was not changed. Run pulumi up again'
  fi
  say "$master is the master, and all other nodes are in step"
}

# Told to end, it first fails its health checks, and takes sessions until the load balancer has seen it (drainDelay).
before_proxy() {
  systemctl stop redis-ha-proxy-again.timer 2>/dev/null || true
  systemd-run --quiet --collect --unit=redis-ha-proxy-again --on-active="$restart_limit" systemctl start redis-ha-proxy.service
  systemctl stop redis-ha-proxy.service
  say 'has ended its sessions'
}

[ -r "$root/etc/redis-ha/node.env" ] || give_up 'has never got its payload; run pulumi up with the old size first'
# shellcheck disable=SC1091
. "$root/etc/redis-ha/node.env"
SECONDS=0
if [ "$step" = before ] && as_wanted; then
  say 'is as it is to be already'
  exit 0
fi
if [ "$REDIS_HA_ROLE" = redis ]; then
  # shellcheck disable=SC1091
  . "$library/node.sh"
  # shellcheck disable=SC1091
  . "$library/cluster.sh"
fi
case $step-$REDIS_HA_ROLE in
  before-redis) before_redis ;;
  before-proxy) before_proxy ;;
  after-redis)
    wait_in_step ''
    say 'all nodes are in step'
    ;;
  *) give_up "no step \"$step\" for a node of the kind \"$REDIS_HA_ROLE\"" ;;
esac
