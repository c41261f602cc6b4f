# shellcheck shell=bash
# On the bastion: waits until an SSH server with the expected host key answers at ADDRESS. The connection of the next command gets no
# second chance, and would not say what is wrong with the key. A line "machine=..." may precede this text: an identifier of its own for each
# machine that ever was. One that has answered before does not boot for the first time: when it is silent, it is told sooner.
# arguments: NAME ADDRESS SECONDS HOST-KEY (TYPE BASE64)
set -euo pipefail
name=$1 address=$2 limit=$3 key=$4
answered=$HOME/.redis-ha-answered
readonly known_limit=20
if [ -n "${machine:-}" ] && ((limit > known_limit)) && grep -q -x -F -e "$machine" "$answered" 2>/dev/null; then limit=$known_limit; fi
# A machine that is just coming up may have another key for a moment.
strange_limit=${REDIS_HA_STRANGE_SECONDS:-60}

SECONDS=0
strange_since=''
while true; do
  found=$(ssh-keyscan -T 5 -t ecdsa "$address" 2>/dev/null | awk '!/^#/ { print $2 " " $3; exit }') || found=''
  if [ "$found" = "$key" ]; then
    if [ -n "${machine:-}" ] && ! grep -q -x -F -e "$machine" "$answered" 2>/dev/null; then echo "$machine" >>"$answered"; fi
    echo "$name ($address) answers by SSH after $SECONDS s"
    exit 0
  fi
  if [ -n "$found" ]; then
    strange_since=${strange_since:-$SECONDS}
    if ((SECONDS - strange_since >= strange_limit)); then
      echo "$name ($address) answers by SSH with another host key than the one that this stack gave it; nothing was sent to it." >&2
      echo "Either somebody answers in its place, or its host key was changed by hand: look at /etc/ssh/ssh_host_ecdsa_key.pub at its console." >&2
      echo "expected: $key" >&2
      echo "found:    $found" >&2
      exit 1
    fi
  fi
  if ((SECONDS >= limit)); then
    echo "$name ($address) does not answer by SSH after $limit s: look at its console and serial log; if it is dead: docs/day2.md, \"While a node is dead\"" >&2
    exit 1
  fi
  sleep 1
done
