#!/usr/bin/env bash
# After a start of redis-server: once this node is master, or a replica whose link is up (so its first synchronisation is complete),
# marks it as a member and makes it promotable. Runs until then; redis-ha-joined.service.
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"

while true; do
  reply=$(ask_redis INFO replication) || reply=''
  role=$(field role <<<"$reply")
  if [ "$role" = master ] || { [ "$role" = slave ] && [ "$(field master_link_status <<<"$reply")" = up ]; }; then
    break
  fi
  sleep 0.5
done

if [ "$role" = slave ] && [ "$(field slave_priority <<<"$reply")" = 0 ] && [ ! -f "$member_file" ]; then
  [ "$(ask_redis CONFIG SET replica-priority 100)" = OK ]
  echo 'has a full copy of the data and may be promoted'
fi
if [ ! -f "$member_file" ]; then
  echo "$role" >"$member_file"
fi
