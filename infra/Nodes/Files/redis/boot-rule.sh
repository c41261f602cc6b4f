#!/usr/bin/env bash
# Runs before every start of redis-server (ExecStartPre, as root): asks all Sentinels and the other nodes who is master, lets
# decide.sh decide, and writes the redis.conf that redis-server then starts with. So the role is never taken from an old file, and
# what Sentinel or FAILOVER rewrote in redis.conf lives until the next start at most.
#
# It waits as long as there is no safe answer; what it waits for is in the journal and in /run/redis-ha/boot-rule.
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"

mkdir -p "$runtime_directory"
answers=$(mktemp -d "$runtime_directory/answers.XXXXXX")
errors=$answers.errors
trap 'rm -rf "$answers" "$answers".*' EXIT

# vote_of ADDRESS: one "vote" line if the Sentinel there answers.
vote_of() {
  local reply named epoch
  reply=$(ask_timeout=1 ask "$1" 26379 SENTINEL MASTER "$REDIS_HA_MASTER_NAME" 2>>"$errors") || return 0
  named=$(pair ip <<<"$reply")
  epoch=$(pair config-epoch <<<"$reply")
  if [[ $named =~ ^[0-9.]+$ && $epoch =~ ^[0-9]+$ ]]; then
    echo "vote $1 live $named $epoch $(pair flags <<<"$reply")"
  fi
}

# vote_on_disk: our own Sentinel's state, for when it does not answer.
vote_on_disk() {
  awk -v name="$REDIS_HA_MASTER_NAME" -v me="$REDIS_HA_ADDRESS" '
    tolower($1) == "sentinel" && $2 == "monitor" && $3 == name { address = $4 }
    tolower($1) == "sentinel" && $2 == "config-epoch" && $3 == name { epoch = $4 }
    END { if (address != "") print "vote", me, "file", address, epoch + 0, "-" }' "$redis_directory/sentinel.conf"
}

# peer_of ADDRESS: one "peer" line, always. A replica that never finished its first synchronisation has replica-priority 0.
peer_of() {
  local reply role since
  reply=$(ask_timeout=1 ask "$1" 6379 INFO replication 2>>"$errors") || reply=''
  role=$(field role <<<"$reply")
  case $role in
    master) echo "peer $1 master" ;;
    slave)
      since=$(field master_link_down_since_seconds <<<"$reply")
      echo "peer $1 replica $(field master_host <<<"$reply") $(field master_link_status <<<"$reply") ${since:--1}" \
        "$([ "$(field slave_priority <<<"$reply")" = 0 ] && echo no || echo yes)"
      ;;
    *)
      case $reply in
        LOADING*) echo "peer $1 loading" ;;
        *) echo "peer $1 down" ;;
      esac
      ;;
  esac
}

facts() {
  local entry address number=0
  echo "me $REDIS_HA_ADDRESS"
  if [ -f "$member_file" ]; then echo 'member yes'; else echo 'member no'; fi
  echo "downafter $(((REDIS_HA_DOWN_AFTER_MS + 999) / 1000))"
  echo "waited $((SECONDS))"
  rm -f "$answers"/*
  : >"$errors"
  for entry in $REDIS_HA_NODES; do
    address=${entry#*=}
    number=$((number + 1))
    vote_of "$address" >"$answers/vote.$number" &
    if [ "$address" != "$REDIS_HA_ADDRESS" ]; then
      peer_of "$address" >"$answers/peer.$number" &
    fi
  done
  wait
  echo "sentinels $number"
  cat "$answers"/*
  if ! grep -q -F "vote $REDIS_HA_ADDRESS live" "$answers"/vote.*; then
    vote_on_disk
  fi
}

report() {
  echo "$1"
  echo "$1" >"$runtime_directory/boot-rule"
}

# write_configuration [REPLICAOF]
write_configuration() {
  {
    echo '# Written by the boot rule before every start of redis-server, from settings.conf: changes made here do not last.'
    settings
    if [ "$#" -gt 0 ]; then
      echo "replicaof $1 6379"
      # Without a full copy of the data, or before the proxies know it, this node must never be promoted; redis-ha-joined raises it.
      if [ ! -f "$member_file" ] || [ ! -f "$promotable_file" ]; then echo 'replica-priority 0'; fi
    fi
  } >"$redis_directory/redis.conf.new"
  chown redis:redis "$redis_directory/redis.conf.new"
  chmod 640 "$redis_directory/redis.conf.new"
  mv "$redis_directory/redis.conf.new" "$redis_directory/redis.conf"
  settings >"$runtime_directory/running.conf"
}

umask 077
SECONDS=0
reported='' asked_for_failover=-60
while true; do
  facts >"$answers.facts"
  read -r action argument rule reason <<<"$("$library/decide.sh" <"$answers.facts")"
  case $action in
    master)
      # From the moment it may take writes, this node's data is the data.
      echo 'master' >"$member_file"
      write_configuration
      report "$rule master: $reason"
      break
      ;;
    replicaof)
      write_configuration "$argument"
      report "$rule replica of $argument: $reason"
      break
      ;;
    failover)
      if ((SECONDS - asked_for_failover >= 15)); then
        asked_for_failover=$SECONDS
        report "$rule failover asked of the Sentinel on $argument: $reason"
        ask "$argument" 26379 SENTINEL FAILOVER "$REDIS_HA_MASTER_NAME" || true
      fi
      sleep 0.5
      ;;
    wait)
      # A refused connection is what a node that is down looks like; a refused password is a fault that waiting does not mend.
      if grep -q 'AUTH failed' "$errors"; then
        reason="$reason; a node refuses the operator's password ($(grep -m 1 'AUTH failed' "$errors"))"
      fi
      if [ "$rule $reason" != "$reported" ]; then
        reported="$rule $reason"
        report "$rule waiting: $reason"
      fi
      sleep 0.5
      ;;
    *)
      echo "boot rule: the decision \"$action\" is not known" >&2
      exit 1
      ;;
  esac
done
