# shellcheck shell=bash
# shellcheck disable=SC2034 # names set here are read by the scripts that source this
# What the scripts on a Redis node share: where things are, the node's facts (node.env), and questions to Redis and Sentinel.
# Sourced.

root=${REDIS_HA_ROOT:-}
redis_directory=$root/etc/redis/ha
data_directory=$root/var/lib/redis
runtime_directory=$root/run/redis-ha
# In the data directory, so that it goes when the data goes.
member_file=$data_directory/redis-ha.member
# On the machine's own disk: all proxies have known this node, so the Sentinels may promote it.
promotable_file=$root/var/lib/redis-ha/promotable

# shellcheck disable=SC1091
. "$root/etc/redis-ha/node.env"

# ask ADDRESS PORT COMMAND...: as the operator, whose password stays in the environment of redis-cli. Fails when nobody answers
# in time. Answers are complete or absent: an error reply is printed as Redis worded it.
ask() {
  local address=$1 port=$2
  shift 2
  REDISCLI_AUTH=$(cat "$root/etc/redis-ha/operator.password") \
    timeout "${ask_timeout:-2}" redis-cli --no-auth-warning --user operator -h "$address" -p "$port" "$@" </dev/null | tr -d '\r'
}

ask_redis() {
  ask "$REDIS_HA_ADDRESS" 6379 "$@"
}

ask_sentinel() {
  ask "$REDIS_HA_ADDRESS" 26379 "$@"
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
  cat "$redis_directory/settings.conf"
  if ! grep -q '^maxmemory ' "$redis_directory/settings.conf"; then
    awk '$1 == "MemTotal:" { printf "maxmemory %dmb\n", $2 * 3 / 4 / 1024 }' /proc/meminfo
  fi
}
