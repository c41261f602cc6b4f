#!/usr/bin/env bash
# Runs as root before every start of redis-server (ExecStartPre): has the boot rule decide, and writes the redis.conf that
# redis-server then starts with. So the role is never taken from an old file, and nothing but this writes that file.
#
# The boot rule itself, which talks to the network, runs as the account redis-ha. Of its answer two forms are taken: master, or
# replica of another node of this cluster. Its words are in the journal and in /run/redis-ha/boot-rule.
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR source=../common/accounts.sh
. "$library/accounts.sh"
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"
umask 077

# write_configuration [REPLICAOF]
write_configuration() {
  local target=$configuration_directory/redis.conf
  {
    echo '# Written before every start of redis-server, from settings.conf and the decision of the boot rule: changes do not last.'
    settings
    if [ "$#" -gt 0 ]; then
      echo "replicaof $1 {{redis-port}}"
      # Without a full copy of the data, or before the proxies know it, this node must never be promoted; redis-ha-joined raises it.
      if ! is_member || [ ! -f "$promotable_file" ]; then echo 'replica-priority 0'; fi
    fi
  } >"$target.new"
  chown root:redis "$target.new"
  chmod 640 "$target.new"
  mv -f "$target.new" "$target"
  settings >"$runtime_directory/running.conf"
}

# other_node ADDRESS: whether it is a node of this cluster, and not this one.
other_node() {
  local entry
  for entry in $REDIS_HA_NODES; do
    if [ "${entry#*=}" = "$1" ] && [ "$1" != "$REDIS_HA_ADDRESS" ]; then
      return 0
    fi
  done
  return 1
}

(umask 022 && mkdir -p "$runtime_directory")
rm -rf "$runtime_directory/answers"
mkdir "$runtime_directory/answers"
chown redis-ha:redis-ha "$runtime_directory/answers"

# Where the data is on a volume, redis-server starts with it or not at all: on the boot volume it would begin with nothing.
# redis-ha-data.service, which runs before, mounts it; the unit's own name space does not tell a mount from a folder of its own, the device does.
if [ -f "$root/var/lib/redis-ha/data-volume" ] && [ "$(stat -c %d "$root/var/lib/redis")" = "$(stat -c %d "$root/var/lib")" ]; then
  reason="the data volume is not mounted, so redis-server does not start (journalctl -u redis-ha-data; docs/nodes.md, \"The data volume\")"
  echo "$reason" >&2
  (umask 022 && echo "$reason" >"$runtime_directory/boot-rule")
  exit 1
fi

# Without an append-only file a restart loses what the memory held, so this node comes back as one that has lost its data: it never takes an older
# state over the replicas' newer one (decide.sh, F1 to F3).
if grep -q -x 'appendonly no' "$configuration_directory/settings.conf" && is_member; then
  as_account redis rm -f "$member_file"
fi

decision=''
while read -r word text; do
  text=${text//[^[:print:]]/}
  case $word in
    say)
      echo "${text:0:500}"
      (umask 022 && echo "${text:0:500}" >"$runtime_directory/boot-rule")
      ;;
    start) decision=$text ;;
    *) echo "boot rule: ${word//[^[:print:]]/} ${text:0:500}" >&2 ;;
  esac
done < <(as_account redis-ha bash "$library/boot-rule.sh" || echo "ended with exit code $?")

case $decision in
  master)
    # From the moment it may take writes, this node's data is the data.
    mark_member master
    write_configuration
    ;;
  replicaof\ *)
    master=${decision#replicaof }
    if ! other_node "$master"; then
      echo "boot rule: \"$master\" is not another node of this cluster" >&2
      exit 1
    fi
    write_configuration "$master"
    ;;
  *)
    echo "boot rule: no decision (\"$decision\")" >&2
    exit 1
    ;;
esac
