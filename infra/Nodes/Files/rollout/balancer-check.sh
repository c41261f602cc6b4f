# shellcheck shell=bash
# On the bastion: the whole way that a client goes. Waits until the master answers through the load balancer, has a replica, and
# takes a write. Speaks Redis' protocol (RESP) itself, because the bastion has no redis-cli. A line "password=..." precedes this text.
# arguments: ADDRESS PORT SECONDS
set -euo pipefail
address=$1 port=$2 limit=$3
: "${password:?}"

# send WORD...: one command as an array of bulk strings.
send() {
  local word
  {
    printf '*%d\r\n' "$#"
    for word in "$@"; do
      # shellcheck disable=SC2016 # the dollar is the protocol's
      printf '$%d\r\n%s\r\n' "${#word}" "$word"
    done
  } >&3
}

# receive PATTERN: the next line must match.
receive() {
  said='no answer within 5 s'
  IFS= read -r -t 5 said <&3 || return 1
  said=${said%$'\r'}
  # shellcheck disable=SC2053 # a pattern on purpose
  [[ $said == $1 ]]
}

# open: a new connection as the client user.
open() {
  step='connect'
  said=''
  exec 3>&-
  # The answer to a connection attempt that is dropped would take minutes.
  # shellcheck disable=SC2016 # the inner shell's variables
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$port" </dev/null || return 1
  { exec 3<>"/dev/tcp/$address/$port"; } || return 1
  step='AUTH'
  send AUTH "$password" || return 1
  receive '+OK'
}

attempt() {
  open || return 1
  step='ROLE (a master with at least one replica expected)'
  send ROLE || return 1
  receive '\*3' || return 1
  receive '[$]6' || return 1
  receive 'master' || return 1
  receive ':*' || return 1
  receive '\*[1-9]*' || return 1
  # The rest of that answer is of no interest, so a new connection. DEL is a write that leaves nothing behind.
  open || return 1
  step='DEL of a key that does not exist, as a write'
  send DEL redis-ha:rollout-check || return 1
  receive ':[01]'
}

SECONDS=0
step='' said=''
until attempt 2>/dev/null; do
  if ((SECONDS >= limit)); then
    echo "no writable master through the load balancer at $address:$port after $limit s; the last try ended at: $step; the answer: ${said:-none}" >&2
    exit 1
  fi
  sleep 1
done
echo "the master answers and takes writes through $address:$port after $SECONDS s"
