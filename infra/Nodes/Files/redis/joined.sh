#!/usr/bin/env bash
# After a start of redis-server, in steps of redis-ha-joined.service; as the account redis-ha, while mark.sh makes the marks between them:
#   copied     waits until this node is master, or a replica whose link is up: its first synchronisation is complete, it is a member
#   admitted   sees to its replica-priority, which is 0 while Sentinels must not promote it, and waits until it is another: promotable
#   founders   after the first bootstrap, on its master: admits the others
#
# A node is promotable for good once it was allowed to: a client's way to a master leads through the proxies, and one that they do not know
# would be a master without clients. Who allows it sets its replica-priority, and this script remembers that:
#   - the first bootstrap's master (rule F1), to all nodes that were there: before it there were no clients;
#   - the rollout, to a new node, when all proxies have the list that names it.
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"

# state: role, link and priority of this node, or of the node with the address $1.
state() {
  reply=$(ask "${1:-$REDIS_HA_ADDRESS}" '{{redis-port}}' INFO replication 2>/dev/null) || reply=''
  role=$(field role <<<"$reply")
  link=$(field master_link_status <<<"$reply")
  priority=$(field slave_priority <<<"$reply")
}

# raise [ADDRESS]: to the usual priority.
raise() {
  [ "$(ask "${1:-$REDIS_HA_ADDRESS}" '{{redis-port}}' CONFIG SET replica-priority 100 2>/dev/null)" = OK ]
}

# The founders are promotable as soon as they have the data, or nobody could take over from the first master.
admit_founders() {
  local entry waiting=yes
  while [ "$waiting" = yes ]; do
    waiting=no
    for entry in $REDIS_HA_NODES; do
      if [ "${entry#*=}" != "$REDIS_HA_ADDRESS" ]; then
        state "${entry#*=}"
        if [ "$role" = slave ] && [ "$priority" = 0 ] && [ "$link" = up ] && [ "$(field master_host <<<"$reply")" = "$REDIS_HA_ADDRESS" ]; then
          if raise "${entry#*=}"; then echo "${entry%%=*} was there at the first bootstrap and may be promoted"; else waiting=yes; fi
        elif [ "$role" != slave ] || [ "$priority" = 0 ]; then
          waiting=yes
        fi
      fi
    done
    sleep 0.5
    state
    # Another master has other reasons to choose.
    if [ "$role" != master ]; then return; fi
  done
}

# serves: this node is master, or in step with one.
serves() {
  state
  [ "$role" = master ] || { [ "$role" = slave ] && [ "$link" = up ]; }
}

# may_be_promoted: or is master already.
may_be_promoted() {
  serves || return 1
  if [ "$role" = slave ] && [ "$priority" = 0 ] && [ -f "$promotable_file" ] && raise; then priority=100; fi
  [ "$role" = master ] || [ "$priority" != 0 ]
}

case $1 in
  copied) until serves; do sleep 0.5; done ;;
  admitted) until may_be_promoted; do sleep 0.5; done ;;
  founders)
    state
    if [ "$role" = master ] && grep -q '^F1 master' "$runtime_directory/boot-rule"; then
      admit_founders
    fi
    ;;
  *)
    echo "joined.sh: no step \"$1\"" >&2
    exit 2
    ;;
esac
