#!/usr/bin/env bash
# Asks all Sentinels and the other nodes who is master and lets decide.sh decide, as the account redis-ha: boot.sh runs it before
# every start of redis-server and acts on its answer. It waits as long as there is no safe answer.
# Standard output: "say TEXT" lines on what was decided or is waited for; the last one is "start master" or "start replicaof ADDRESS".
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"

# This account's own folder, which boot.sh has made.
answers=$runtime_directory/answers
errors=$answers/errors facts=$answers/facts

# vote_of ADDRESS: one "vote" line if the Sentinel there answers.
vote_of() {
  local reply named epoch
  reply=$(ask_timeout=1 ask "$1" '{{sentinel-port}}' SENTINEL MASTER "$REDIS_HA_MASTER_NAME" 2>>"$errors") || return 0
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
    END { if (address != "") print "vote", me, "file", address, epoch + 0, "-" }' "$sentinel_file" 2>>"$errors" || true
}

# peer_of ADDRESS: one "peer" line, always. A replica that never finished its first synchronisation has replica-priority 0.
peer_of() {
  local reply role since
  reply=$(ask_timeout=1 ask "$1" '{{redis-port}}' INFO replication 2>>"$errors") || reply=''
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
  if is_member; then echo 'member yes'; else echo 'member no'; fi
  echo "downafter $(((REDIS_HA_DOWN_AFTER_MS + 999) / 1000))"
  echo "waited $((SECONDS))"
  rm -f "$answers"/{vote,peer}.*
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
  cat "$answers"/{vote,peer}.*
  if ! grep -q -F "vote $REDIS_HA_ADDRESS live" "$answers"/vote.*; then
    vote_on_disk
  fi
}

report() {
  echo "say $1"
}

umask 077
SECONDS=0
reported='' asked_for_failover=-60
while true; do
  facts >"$facts"
  read -r action argument rule reason <<<"$(bash "$library/decide.sh" <"$facts")"
  case $action in
    master)
      report "$rule master: $reason"
      echo 'start master'
      break
      ;;
    replicaof)
      report "$rule replica of $argument: $reason"
      echo "start replicaof $argument"
      break
      ;;
    failover)
      if ((SECONDS - asked_for_failover >= 15)); then
        asked_for_failover=$SECONDS
        report "$rule failover asked of the Sentinel on $argument: $reason"
        report "its answer: $(ask "$argument" '{{sentinel-port}}' SENTINEL FAILOVER "$REDIS_HA_MASTER_NAME" 2>&1 || echo none)"
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
