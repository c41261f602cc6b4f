#!/usr/bin/env bash
# Backups on this node, for operators: redis-ha-backup.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: redis-ha-backup now|plan|last

  now    makes a backup of this node's data, now, and waits for its end; not on a master whose replicas could
  plan   which nodes can make a backup, the best one first
  last   what came of the last one on this node
Run it as root. Exit code 0: done, 1: not, 2: bad usage.
TEXT
}

root=${REDIS_HA_ROOT:-}
state=$root/var/lib/redis-ha-backup

# last: one line, without what a terminal would take for more than text.
last() {
  local line
  line=$(head -c 500 "$state/last" 2>/dev/null | tr -cd '[:print:]') || line=''
  echo "${line:-none was made on this node}"
  [[ $line == ok\ * ]]
}

case ${1:-} in
  now)
    [ -f "$root/etc/redis-ha/backup.address" ] || { echo 'redis-ha-backup: backups are off (backupSchedule)' >&2 && exit 1; }
    # The line of an earlier run must not pass for this one's.
    before=$(stat -c %Y.%i "$state/last" 2>/dev/null) || before=''
    # What systemd says of a failure is less than the line below.
    systemctl start redis-ha-backup@now.service 2>/dev/null || true
    if [ "$(stat -c %Y.%i "$state/last" 2>/dev/null)" = "$before" ]; then
      echo 'redis-ha-backup: nothing came of it: journalctl -u redis-ha-backup@now' >&2
      exit 1
    fi
    last
    ;;
  plan)
    # shellcheck source-path=SCRIPTDIR source=node.sh
    . "$root/usr/local/libexec/redis-ha/node.sh"
    # shellcheck source-path=SCRIPTDIR source=cluster.sh
    . "$root/usr/local/libexec/redis-ha/cluster.sh"
    observe || { echo "redis-ha-backup: $obstacle" >&2 && exit 1; }
    copies
    ;;
  last) last ;;
  -h | --help) usage ;;
  *) usage >&2 && exit 2 ;;
esac
