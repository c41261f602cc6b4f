# shellcheck shell=bash
# shellcheck disable=SC2154 # names that cluster.sh sets
# A machine's part in a rolling reboot, on the machine itself: scripts/reboot-roll sends this.
# arguments: needed
#              whether a reboot is pending: prints "yes REASON" or "no"
#            incarnation
#              a text that is another one after each start of this machine; needs no rights
#            before NAME SECONDS DRY-RUN
#              on a Redis node, as root: waits until the others can do without it, and makes another the master if it is
#            after NAME SECONDS
#              on a Redis node, as root: waits until it does its work again and is in step
#            reboot
#              as root: in a moment, so that the connection that orders it ends first
set -euo pipefail
root=${REDIS_HA_ROOT:-}
export PATH=$root/usr/local/sbin:$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin LC_ALL=C
library=$root/usr/local/libexec/redis-ha

give_up() {
  echo "$1" >&2
  exit 1
}

needed() {
  local packages
  if [ -e "$root/run/reboot-required" ] || [ -e "$root/var/run/reboot-required" ]; then
    packages=$(sort -u "$root"/run/reboot-required.pkgs "$root"/var/run/reboot-required.pkgs 2>/dev/null | head -n 3 | tr '\n' ' ') || packages=''
    echo "yes $(tr -cd '[:alnum:].:+~ -' <<<"${packages:-the distribution asks for it}")"
  elif command -v needs-restarting >/dev/null && ! needs-restarting -r >/dev/null 2>&1; then
    echo 'yes needs-restarting -r asks for it'
  else
    echo no
  fi
}

# The identifier of a boot is the host's in a container; the start of its first process is not.
incarnation() {
  echo "$(cat /proc/sys/kernel/random/boot_id) $(sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20)"
}

# enough NAME: whether the others take writes and can replace their master while NAME is away; otherwise the obstacle.
enough() {
  local node least others=0
  silent=''
  observe || return 1
  for node in "${names[@]}"; do
    if [ "$node" = "$1" ]; then
      continue
    elif [ -z "${role[$node]}" ]; then
      silent=${silent:+$silent, }$node
    else
      keeps_step "$node" || return 1
      others=$((others + 1))
    fi
  done
  least=$(number "$(on "$master" 6379 CONFIG GET min-replicas-to-write | sed -n 2p)")
  if ((${least:-1} < 1)); then least=1; fi
  if ((others * 2 <= ${#names[@]} || others - 1 < ${least:-1})); then
    obstacle="without $1, $others of ${#names[@]} nodes would be left${silent:+ ($silent does not answer)};"
    obstacle+=" a failover needs $((${#names[@]} / 2 + 1)), writes need $((${least:-1} + 1))"
    return 1
  fi
}

wait_enough() {
  until enough "$1"; do
    ((SECONDS < $2)) || give_up "not now: $obstacle (waited $2 s). $1 was not rebooted"
    sleep 1
  done
  if [ -n "$silent" ]; then echo "$silent does not answer; enough nodes are left without $1, too"; fi
}

before() {
  wait_enough "$1" "$2"
  if [ "${role[$1]}" != master ]; then
    echo "$master is the master; the others can do without $1"
    return
  elif [ "$3" = yes ]; then
    redis-ha-switchover --dry-run --wait "$2" </dev/null
    return
  fi
  echo "$1 is the master; switching over"
  redis-ha-switchover --wait "$2" </dev/null || give_up "the switchover was not possible; the reason is above. $1 was not rebooted"
  wait_enough "$1" "$2"
  [ "$master" != "$1" ] || give_up "$1 is the master again after a switchover; it was not rebooted"
}

after() {
  redis-ha-wait-ready --health "$2" </dev/null
  until observe && keeps_step "$1" && enough "$1"; do
    ((SECONDS < $2)) || give_up "$1 runs again, but not all is well: $obstacle (waited $2 s)"
    sleep 1
  done
}

SECONDS=0
case $1 in
  before | after)
    [ -f "$library/cluster.sh" ] || give_up "$2 has not got its payload; run pulumi up first"
    # Not in a function, where their arrays would be its own.
    # shellcheck disable=SC1091
    . "$library/node.sh"
    # shellcheck disable=SC1091
    . "$library/cluster.sh"
    "$@"
    ;;
  needed | incarnation) "$1" ;;
  reboot) systemd-run --quiet --collect --on-active=1 systemctl reboot ;;
esac
