#!/usr/bin/env bash
# redis-cli as the operator, without a password on the command line.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: redis-ha-cli redis|sentinel [ADDRESS] [-- COMMAND...]

redis-cli as the user "operator" on this node, or on the node with ADDRESS. Without a command: interactive.
  redis-ha-cli redis -- ROLE
  redis-ha-cli sentinel 172.31.235.132 -- SENTINEL MASTER mymaster
TEXT
}

root=${REDIS_HA_ROOT:-}
# shellcheck disable=SC1091
. "$root/etc/redis-ha/node.env"

case ${1:-} in
  redis) port='{{redis-port}}' ;;
  sentinel) port='{{sentinel-port}}' ;;
  -h | --help) usage && exit 0 ;;
  *) usage >&2 && exit 2 ;;
esac
shift
address=$REDIS_HA_ADDRESS
if [ "$#" -gt 0 ] && [ "$1" != -- ]; then
  address=$1
  shift
fi
if [ "${1:-}" = -- ]; then shift; fi

[ -r "$root/etc/redis-ha/operator.password" ] || { echo 'redis-ha-cli: run it as root: sudo redis-ha-cli ...' >&2 && exit 2; }
REDISCLI_AUTH=$(cat "$root/etc/redis-ha/operator.password")
export REDISCLI_AUTH
tls=()
if [ "${REDIS_HA_TLS:-no}" = yes ]; then tls=(--tls --cacert "$root/etc/redis-ha/redis-ca.crt"); fi
exec redis-cli --no-auth-warning "${tls[@]}" --user operator -h "$address" -p "$port" "$@"
