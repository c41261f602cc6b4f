# shellcheck shell=bash
# On the bastion: the whole way that a client goes. Waits until the master answers through the load balancer and takes writes.
# Speaks Redis' protocol (RESP) itself, because the bastion has no redis-cli. The line "password=..." precedes this text.
# arguments: ADDRESS PORT SECONDS
set -euo pipefail
address=$1 port=$2 limit=$3
: "${password:?}"

# send WORD...: one command as an array of bulk strings.
send() {
  local word
  printf '*%d\r\n' "$#" >&3
  for word in "$@"; do
    printf '$%d\r\n%s\r\n' "${#word}" "$word" >&3
  done
}

# receive PATTERN: the next line must match.
receive() {
  local line
  IFS= read -r -t 5 line <&3 || { said='no answer within 5 s'; return 1; }
  said=${line%$'\r'}
  # shellcheck disable=SC2053 # a pattern on purpose
  [[ $said == $1 ]]
}

attempt() {
  step='connect'
  exec 3<>"/dev/tcp/$address/$port" || return 1
  step='AUTH'
  send AUTH "$password" && receive '+OK' || return 1
  step='ROLE (master expected)'
  send ROLE && receive '\**' && receive '$6' && receive 'master' || return 1
  receive ':*' && receive '\*[1-9]*' || { step='ROLE (at least one replica expected)'; return 1; }
  # A connection of its own: the rest of ROLE's answer is of no interest. DEL is a write that leaves nothing behind.
  exec 3>&-
  step='connect'
  exec 3<>"/dev/tcp/$address/$port" || return 1
  step='AUTH'
  send AUTH "$password" && receive '+OK' || return 1
  step='a write (DEL of a key that does not exist)'
  send DEL redis-ha:rollout-check && receive ':[01]' || return 1
  exec 3>&-
}

SECONDS=0
step='' said=''
until attempt 2>/dev/null; do
  if ((SECONDS >= limit)); then
    echo "no writable master through the load balancer $address:$port after $limit s; the last try ended at: $step; the answer: ${said:-none}" >&2
    exit 1
  fi
  said=''
  sleep 1
done
echo "the master answers and takes writes through $address:$port after $SECONDS s"
