#!/usr/bin/env bash
# A change of passwords that locks nobody out: while it goes from machine to machine, the old and the new ones are valid.
# Usage: passwords.sh accept         the payload's passwords are valid here from now on, besides those that are
#        passwords.sh retire         only the payload's passwords are valid here
#        passwords.sh merge OLD NEW  prints the users of the file NEW, each with the passwords that it has in OLD as well
# "accept" comes to all nodes before any of them uses a new password, "retire" when all nodes and proxies use them; both run as root,
# in the unpacked payload's directory. They change nothing but passwords: live by ACL SETUSER, which ends no connection (ACL LOAD of
# Redis 7.0 ends those of all users but the default one), and in the files of users, which a restart reads.
set -euo pipefail

# merge OLD NEW. A password stands in a file of users as "#" and its SHA-256 (acl.c, ACLSetUser). They are sorted, as in the payload's
# files, so that the same passwords are always the same line.
merge() {
  awk '
    function is_hash(word) { return word ~ /^#[0-9a-f]+$/ }
    FILENAME == ARGV[1] { for (i = 3; i <= NF; i++) if (is_hash($i)) former[$2] = former[$2] " " $i; next }
    {
      line = "user " $2; all = ""
      n = split($0, word, " ")
      for (i = 3; i <= n; i++) if (is_hash(word[i])) all = all " " word[i]
      if ($1 != "user" || all == "") { print; next }
      m = split(all former[$2], hash, " ")
      for (i = 2; i <= m; i++)
        for (j = i; j > 1 && hash[j] < hash[j - 1]; j--) { swap = hash[j]; hash[j] = hash[j - 1]; hash[j - 1] = swap }
      placed = 0
      for (i = 3; i <= n; i++)
        if (!is_hash(word[i])) line = line " " word[i]
        else if (!placed) {
          placed = 1
          for (j = 1; j <= m; j++) if (j == 1 || hash[j] != hash[j - 1]) line = line " " hash[j]
        }
      print line
    }' "$1" "$2"
}

if [ "${1:-}" = merge ]; then
  merge "$2" "$3"
  exit 0
fi

payload=$(dirname "$(readlink -f "$0")")
what=$1
# shellcheck source=/dev/null
. "$payload/node.env"
# shellcheck source-path=SCRIPTDIR source=../common/library.sh
. "$payload/library.sh"
umask 077
exec 3>&1 >>"$log" 2>&1

# ended CODE COMMAND LINE: without the mark of its end it has failed, whatever the code.
# shellcheck disable=SC2317 # called by the trap
ended() {
  trap - EXIT ERR
  if [ "$whole" = yes ]; then exit 0; fi
  explain "$@"
  say "FAILED to $what the passwords: $failure"
  exit 1
}
trap 'failed_command=$BASH_COMMAND failed_line=$LINENO' ERR
trap 'ended "$?" "${failed_command:-$BASH_COMMAND}" "${failed_line:-$LINENO}"' EXIT
set -E
outlive_watcher
# shellcheck source-path=SCRIPTDIR source=../common/distribution.sh
. "$payload/distribution.sh"
# shellcheck source-path=SCRIPTDIR
. "$payload/node.sh"

# orders OLD NEW: the commands that make a server whose users stand in OLD have the passwords of NEW.
orders() {
  awk '
    $1 == "user" { for (i = 3; i <= NF; i++) if ($i ~ /^#[0-9a-f]+$/) { if (FILENAME == ARGV[1]) old[$2 " " $i]; else new[$2 " " $i] } }
    END {
      for (key in new) if (!(key in old)) print "ACL SETUSER " key
      for (key in old) if (!(key in new)) { sub(/#/, "!", key); print "ACL SETUSER " key }
    }' "$1" "$2"
}

# give PORT: the commands on standard input, which holds hashes of passwords that a person may have chosen.
give() {
  local answer
  answer=$(insist "$1") || fail "the server at port $1 says: $answer"
}

# change PORT UNIT FILE ACTION WANTED
change() {
  local port=$1 unit=$2 file=$3 action=$4 wanted=$5 whole=no
  # Left behind by a run that ended before the server had its users: they are more than passwords.
  if pending "$action"; then whole=yes; fi
  cp "$root$file" "$payload/former"
  # The file first: a server that restarts in between reads it.
  install_file "$wanted" "$file" 640 root:redis "$action"
  if ! pending "$action"; then return 0; fi
  if ! has_server "$unit"; then
    : # It reads the file when it starts.
  elif [ "$whole" = yes ]; then
    give "$port" <<<'ACL LOAD'
  else
    orders "$payload/former" "$wanted" >"$payload/orders"
    give "$port" <"$payload/orders"
  fi
  settled "$action"
}

# Marked as ready by a run that was cut off, as former payloads did: the payload comes to it as to a new machine.
if [ "$what" = accept ] && [ ! -f "$root/etc/redis-ha/users.acl" ]; then
  rm -f "$state/ready"
  say 'has no passwords yet; they come with its payload'
  conclude
fi
for_this_redis "$payload/users.acl" >"$payload/users.wanted"
cp "$payload/sentinel-users.acl" "$payload/sentinel-users.wanted"
for file in users sentinel-users; do
  case $what in
    accept) merge "$payload/$file.wanted" "$root/etc/redis-ha/$file.acl" >"$payload/$file.new" ;;
    retire) cp "$payload/$file.wanted" "$payload/$file.new" ;;
  esac
done
change '{{redis-port}}' "$redis_unit" /etc/redis-ha/users.acl redis-users "$payload/users.new"
change '{{sentinel-port}}' "$sentinel_unit" /etc/redis-ha/sentinel-users.acl sentinel-users "$payload/sentinel-users.new"
case $what in
  accept) say 'the passwords of the new payload are valid, besides those in use' ;;
  retire) say 'the passwords of this payload are valid, and no others' ;;
esac
conclude
