#!/usr/bin/env bash
# Waits until this node has applied its payload and does its job; says in one line why it does not.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: redis-ha-wait-ready [--health] SECONDS [PAYLOAD]

Waits at most SECONDS until this node is ready, as root:
  every node   the payload is applied (the one with the identifier PAYLOAD, when given); a failed apply ends the wait at once
  Redis node   redis-server is master, or a replica whose link is up; its Sentinel sees the master
  proxy node   the proxy serves (its /healthz answers 200)
--health asks for the second and third only: the node does its job, whatever became of the newest payload.
Exit code 0 with one line on what the node is, 1 with one line on what is missing, 2 for bad usage.
TEXT
}

health=no
if [ "${1:-}" = --health ]; then
  health=yes
  shift
fi
case ${1:-} in
  -h | --help) usage && exit 0 ;;
  '' | *[!0-9]*) usage >&2 && exit 2 ;;
esac
limit=$1 payload=${2:-}
root=${REDIS_HA_ROOT:-}
state=$root/var/lib/redis-ha

ask() {
  local tls=()
  if [ "${REDIS_HA_TLS:-no}" = yes ]; then tls=(--tls --cacert "$root/etc/redis-ha/redis-ca.crt"); fi
  REDISCLI_AUTH=$(cat "$root/etc/redis-ha/operator.password") timeout 2 \
    redis-cli --no-auth-warning "${tls[@]}" --user operator -h "$REDIS_HA_ADDRESS" -p "$@" </dev/null 2>&1 | tr -d '\r'
}

# redis_missing: what a Redis node lacks, in "missing"; nothing when it is ready, and then what it is in "found".
redis_missing() {
  local reply role flags named
  reply=$(ask '{{redis-port}}' INFO replication) || reply=''
  role=$(sed -n 's/^role://p' <<<"$reply")
  case $role in
    master) found=master ;;
    slave)
      found="replica of $(sed -n 's/^master_host://p' <<<"$reply")"
      if ! grep -q -x 'master_link_status:up' <<<"$reply"; then
        missing="redis-server is $found, but the link to it is down"
        return
      fi
      ;;
    *)
      if [ -f "$root/run/redis-ha/boot-rule" ]; then
        missing="redis-server does not serve; its boot rule last said: $(cat "$root/run/redis-ha/boot-rule")"
      else
        missing='redis-server does not serve, and its boot rule has not run yet'
      fi
      return
      ;;
  esac
  if [ ! -f "$root/var/lib/redis/redis-ha.member" ]; then
    missing="redis-server is $found, but has not got its first full copy of the data"
    return
  fi
  reply=$(ask '{{sentinel-port}}' SENTINEL MASTER "$REDIS_HA_MASTER_NAME") || reply=''
  flags=$(grep -x -A 1 flags <<<"$reply" | sed -n 2p) || flags=''
  named=$(grep -x -A 1 ip <<<"$reply" | sed -n 2p) || named=''
  if [ "$flags" != master ]; then
    missing="this node's Sentinel does not see the master: ${named:-no answer} ${flags:+($flags)}"
  elif [ "$found" = master ] && [ "$named" != "$REDIS_HA_ADDRESS" ]; then
    missing="redis-server is master, but this node's Sentinel names $named"
  fi
}

proxy_missing() {
  local code
  code=$(curl --silent --output /dev/null --max-time 2 --write-out '%{http_code}' 'http://127.0.0.1:{{admin-port}}/healthz') || true
  found=serving
  if [ "$code" != 200 ]; then
    missing="the proxy's /healthz does not answer 200 (got $code)"
  fi
}

while true; do
  missing='' found=''
  if [ "$health" = no ] && [ -f "$state/failed" ]; then
    echo "not ready: the apply script failed, step \"$(sed -n 's/^step: //p' "$state/failed")\": $(sed -n 's/^reason: //p' "$state/failed") (all of it in $state/failed)" >&2
    exit 1
  elif [ "$health" = no ] && [ -f "$state/awaits-secrets" ]; then
    missing='this node has done its first boot and waits for its secrets, which the rollout of pulumi up brings by SSH'
  elif [ "$health" = no ] && [ ! -f "$state/ready" ]; then
    missing='the apply script has not finished (see /var/lib/redis-ha/apply.log)'
  elif [ "$health" = no ] && [ -n "$payload" ] && [ "$(cat "$state/ready")" != "$payload" ]; then
    missing="the node has applied payload $(cat "$state/ready"), not $payload"
  elif [ ! -f "$root/etc/redis-ha/node.env" ]; then
    missing='nothing has been applied to this machine yet'
  else
    # shellcheck disable=SC1091
    . "$root/etc/redis-ha/node.env"
    "${REDIS_HA_ROLE}_missing"
  fi
  if [ -z "$missing" ]; then
    # What the node's watch has found does not make it less ready, but somebody should look.
    watch=''
    if [ "${REDIS_HA_ROLE:-}" = redis ]; then
      watch=$(systemctl show --property StatusText --value redis-ha-watch.service 2>/dev/null) || watch=''
    fi
    case $watch in '' | 'nothing found') ;; *) found="$found; the watch says: $watch" ;; esac
    echo "ready: $found"
    exit 0
  fi
  if ((SECONDS >= limit)); then
    echo "not ready after $limit s: $missing" >&2
    exit 1
  fi
  sleep 0.5
done
