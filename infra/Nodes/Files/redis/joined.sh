#!/usr/bin/env bash
# After a start of redis-server: once this node is master, or a replica whose link is up (so its first synchronisation is complete),
# marks it as a member; then sees to its replica-priority, which is 0 while Sentinels must not promote it. redis-ha-joined.service.
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
  reply=$(ask "${1:-$REDIS_HA_ADDRESS}" 6379 INFO replication 2>/dev/null) || reply=''
  role=$(field role <<<"$reply")
  link=$(field master_link_status <<<"$reply")
  priority=$(field slave_priority <<<"$reply")
}

# raise [ADDRESS]: to the usual priority.
raise() {
  [ "$(ask "${1:-$REDIS_HA_ADDRESS}" 6379 CONFIG SET replica-priority 100 2>/dev/null)" = OK ]
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

admitted=no
while true; do
  state
  if [ "$role" = master ] || { [ "$role" = slave ] && [ "$link" = up ]; }; then
    if [ ! -f "$member_file" ]; then
      echo "$role" >"$member_file"
      echo "has a full copy of the data, as $role"
    fi
    if [ "$role" = slave ] && [ "$priority" = 0 ] && [ -f "$promotable_file" ] && raise; then priority=100; fi
    if [ "$role" = master ] || [ "$priority" != 0 ]; then admitted=yes; fi
  fi
  if [ "$admitted" = yes ]; then break; fi
  sleep 0.5
done
if [ ! -f "$promotable_file" ]; then
  echo "$role" >"$promotable_file"
  echo 'may be promoted from now on'
fi
if [ "$role" = master ] && grep -q '^F1 master' "$runtime_directory/boot-rule"; then
  admit_founders
fi
