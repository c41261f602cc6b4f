# shellcheck shell=bash
# shellcheck disable=SC2034 # names set here are read by the scripts that source this
# What the scripts on a Redis node share: where things are, the node's facts (node.env), and questions to Redis and Sentinel.
# Sourced.

root=${REDIS_HA_ROOT:-}
# Root's: settings, users, passwords, and the redis.conf of the next start.
configuration_directory=$root/etc/redis-ha
runtime_directory=$root/run/redis-ha
# The account redis owns these, so root touches them as that account only. Sentinel writes its state into a file beside this one,
# which then takes its place.
sentinel_file=$root/etc/redis/ha/sentinel.conf
# In the data directory, so that it goes when the data goes.
member_file=$root/var/lib/redis/redis-ha.member
# On the machine's own disk: all proxies have known this node, so the Sentinels may promote it.
promotable_file=$root/var/lib/redis-ha/promotable

# shellcheck disable=SC1091
. "$configuration_directory/node.env"

# Redis and Sentinel of every node speak TLS, or none does (the setting redisTls). redis-cli believes no authority but the nodes' own.
tls=()
if [ "${REDIS_HA_TLS:-no}" = yes ]; then tls=(--tls --cacert "$configuration_directory/redis-ca.crt"); fi

# Who asks: the operator, whose password root and the account redis-ha can read. A script of another account says otherwise.
asking_user=operator asking_password=$configuration_directory/operator.password

# ask ADDRESS PORT COMMAND...: the password stays in the environment of redis-cli. Fails when nobody answers in time. Answers are complete or
# absent: an error reply is printed as Redis worded it.
ask() {
  local address=$1 port=$2
  shift 2
  REDISCLI_AUTH=$(cat "$asking_password") \
    timeout "${ask_timeout:-2}" redis-cli --no-auth-warning "${tls[@]}" --user "$asking_user" -h "$address" -p "$port" "$@" </dev/null | tr -d '\r'
}

# send PORT: the commands on standard input, which may hold secrets, to this node's server, as the operator; prints the answers.
send() {
  REDISCLI_AUTH=$(cat "$root/etc/redis-ha/operator.password") \
    timeout "${ask_timeout:-2}" redis-cli --no-auth-warning "${tls[@]}" --user operator -h "$REDIS_HA_ADDRESS" -p "$1" | tr -d '\r'
}

# insist PORT: those commands, until each is answered; prints the first answer that is not OK, and fails. A server that loads its data or has no time
# is asked again for a minute, so each command must be one that can be given twice.
insist() {
  local commands replies answer until=$((SECONDS + ${REDIS_HA_INSIST_SECONDS:-60}))
  commands=$(cat)
  if [ -z "$commands" ]; then return 0; fi
  while true; do
    replies=$(printf '%s\n' "$commands" | ask_timeout=10 send "$1" | grep -v '^$') || replies=''
    # A password that is gone was taken away by an attempt whose answer was lost (ENODEV in Redis' acl.c).
    answer=$(grep -v -x -e OK -e '.*password you are trying to remove from the user does not exist' <<<"${replies:-no answer}" | head -n 1) || true
    if [ -z "$answer" ] && (($(wc -l <<<"$replies") < $(wc -l <<<"$commands"))); then answer='no answer'; fi
    case $answer in
      '') return 0 ;;
      'no answer' | LOADING* | BUSY*) ;;
      *) break ;;
    esac
    if ((SECONDS >= until)); then break; fi
    sleep 0.5
  done
  echo "$answer"
  return 1
}

# has_server UNIT: whether its program runs, so that it has read its files, though it may be loading its data still; before, in the boot rule, it has not.
has_server() {
  systemctl is-active --quiet "$1" || ! [[ $(systemctl show --property MainPID --value "$1") =~ ^0?$ ]]
}

ask_redis() {
  ask "$REDIS_HA_ADDRESS" '{{redis-port}}' "$@"
}

ask_sentinel() {
  ask "$REDIS_HA_ADDRESS" '{{sentinel-port}}' "$@"
}

# field NAME: the value of "name:value" in an INFO answer on standard input.
field() {
  awk -F: -v name="$1" '$1 == name { print $2; exit }'
}

# pair NAME: the value after the line NAME in a flat name-value answer on standard input.
pair() {
  awk -v name="$1" 'found { print; exit } NR % 2 == 1 && $0 == name { found = 1 }'
}

# number TEXT: the text when it is a whole number, otherwise nothing. What another process says must pass this before arithmetic, which
# would run commands that stand in it.
number() {
  if [[ $1 =~ ^-?[0-9]{1,18}$ ]]; then echo "$1"; fi
}

# settings: what redis.conf holds apart from the role. maxmemory is three quarters of this machine's memory unless it is set.
settings() {
  cat "$configuration_directory/settings.conf"
  if ! grep -q '^maxmemory ' "$configuration_directory/settings.conf"; then
    awk '$1 == "MemTotal:" { printf "maxmemory %dmb\n", $2 * 3 / 4 / 1024 }' /proc/meminfo
  fi
}

# is_member: whether this data directory holds, or has once held, a full copy of the data.
is_member() {
  [ -f "$member_file" ] && [ ! -L "$member_file" ]
}

# mark_member WORD: this data directory holds a full copy of the data. Run by root; the directory is the account redis' own.
mark_member() {
  # Whatever is in its place, such as a link, goes first.
  # shellcheck disable=SC2016 # expanded by the inner shell
  as_account redis bash -c 'umask 027 && rm -rf "$2" && echo "$1" >"$2"' mark_member "$1" "$member_file"
}

# for_this_redis FILE: the lines for the installed version of Redis: "@7.0 line" is for 7.0 and newer, "@6.2 line" for older ones.
for_this_redis() {
  local version
  version=$(redis-server --version | sed -n 's/.* v=\([0-9]*\)\..*/\1/p')
  awk -v major="${version:-0}" '
    $1 == "@7.0" { if (major < 7) next }
    $1 == "@6.2" { if (major >= 7) next }
    { sub(/^@(7\.0|6\.2) /, ""); print }' "$1"
}
