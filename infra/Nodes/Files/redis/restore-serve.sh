#!/usr/bin/env bash
# One connection of a replica to a master that has nothing but a file: a redis-server that is told to follow it takes the file's data by an
# ordinary full synchronisation, so it cares for its own append-only file, whatever its version, and needs memory for the data once.
# Standard input and output are the connection (systemd-socket-activate --inetd); the account redis-ha-backup runs it, for 127.0.0.1 only.
# Arguments: FILE PASSWORD-FILE, the password being the replication's.
set -euo pipefail
export LC_ALL=C

file=$1 password=$(cat "$2") known=no

# word: the next bulk string of a command, in "word".
word() {
  local head
  IFS= read -r head
  head=${head%$'\r'}
  [[ $head =~ ^\$[0-9]{1,4}$ ]] || exit 1
  IFS= read -r -N "${head#$}" word || exit 1
  IFS= read -r head || exit 1
}

# next_command: the next command, in "words".
next_command() {
  local head i
  words=()
  IFS= read -r head || exit 0
  head=${head%$'\r'}
  if [[ ! $head =~ ^\*[0-9]{1,2}$ ]]; then
    # An empty line is a sign of life.
    if [ -n "$head" ]; then exit 1; fi
    return 0
  fi
  for ((i = 0; i < ${head#\*}; i++)); do
    word
    words+=("$word")
  done
}

while true; do
  next_command
  case ${words[0]:-} in
    '') ;;
    PING) printf '+PONG\r\n' ;;
    AUTH)
      if [ "${words[-1]}" != "$password" ]; then printf -- '-WRONGPASS\r\n' && exit 1; fi
      known=yes
      printf '+OK\r\n'
      ;;
    REPLCONF) printf '+OK\r\n' ;;
    PSYNC | SYNC)
      if [ "$known" = no ]; then printf -- '-NOAUTH Authentication required.\r\n' && exit 1; fi
      # Another history than anybody's: what followed another master before takes all of the data.
      printf '+FULLRESYNC %s 1\r\n$%s\r\n' "$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')" "$(stat -c %s "$file")"
      cat "$file"
      # What a replica says from now on needs no answer; what it hears keeps the connection alive.
      cat <&0 >/dev/null &
      # shellcheck disable=SC2016 # the dollar is the protocol's
      while sleep 2; do printf '*1\r\n$4\r\nPING\r\n'; done
      ;;
    *) printf -- '-ERR unknown command\r\n' ;;
  esac
done
