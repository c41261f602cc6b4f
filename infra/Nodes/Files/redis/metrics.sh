#!/usr/bin/env bash
# Posts what this node knows of the cluster to OCI's Monitoring, as custom metrics, once a minute (redis-ha-metrics.timer).
# Usage: metrics.sh identity   as root: fetches what the instance proves itself with; the metadata service answers root alone
#        metrics.sh post       as the account redis-ha-metrics: measures and posts
#
# An instance proves itself as Oracle's own SDK does it (oci-go-sdk, common/auth/federation_client.go and common/http_signer.go): a request that is
# signed with the instance's certificate gets a token for a key that is made here; the token names that key, which signs everything else.
#
#   DiskUsed      percent of the fuller one of the file systems of Redis' data and of the system
#   WritesTaken   1 where this node takes writes, otherwise 0: of a cluster that works, one node has 1
#   ReplicasLost  a master's: nodes of the cluster that do not follow it
#   Failovers     how often the Sentinels have named a master since five minutes ago, planned switchovers included
set -euo pipefail

library=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR
. "$library/node.sh"
# shellcheck disable=SC1091
. "$configuration_directory/metrics.env"
umask 027
export LC_ALL=C

metadata=${REDIS_HA_METADATA_URL:-http://169.254.169.254}
identity=$runtime_directory/identity
# So long a failover is told, in seconds: an alarm looks once a minute, and a post may fail.
readonly told=300
# A token that ends sooner is not used any more, in seconds (oci-go-sdk, common/auth/jwt.go).
readonly spare=300

# stop REASON: the journal says it, and the unit has failed.
stop() {
  printf '<3>no metrics posted: %s\n' "$1"
  exit 1
}

fetch_identity() {
  local path
  mkdir -p "$identity"
  chgrp redis-ha-metrics "$identity"
  chmod 750 "$identity"
  for path in identity/cert.pem identity/key.pem identity/intermediate.pem instance/regionInfo; do
    curl --silent --show-error --fail --max-time 10 --header 'Authorization: Bearer Oracle' --output "$identity/new" "$metadata/opc/v2/$path" ||
      stop "the metadata service does not give $path"
    chgrp redis-ha-metrics "$identity/new"
    mv -f "$identity/new" "$identity/${path##*/}"
  done
}

# text NAME FILE: the value of "NAME": "VALUE" in a file of JSON, when it is a plain word; the last one of several.
text() {
  tr -d '\n' <"$2" | sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([A-Za-z0-9._-]*\)".*/\1/p'
}

ask_as_watch() {
  local port=$1
  shift
  timeout 2 redis-cli --no-auth-warning "${tls[@]}" --user watch -h "$REDIS_HA_ADDRESS" -p "$port" "$@" </dev/null 2>/dev/null | tr -d '\r'
}

# takes_writes INFO: whether a master takes writes, as far as it says (redis, server.c, processCommand). A server that is paused, or busy with a
# script, does not answer a PUBLISH; one that cannot save answers PING with MISCONF.
takes_writes() {
  local info=$1 good used aside limit probe
  if [ "$(field role <<<"$info")" != master ]; then return 1; fi
  probe=$(printf 'PING\nPUBLISH redis-ha:watch probe\n' |
    timeout 2 redis-cli --no-auth-warning "${tls[@]}" --user watch -h "$REDIS_HA_ADDRESS" -p '{{redis-port}}' 2>/dev/null | tr -d '\r') || return 1
  [[ $probe == PONG*[0-9] ]] || return 1
  good=$(number "$(field min_slaves_good_slaves <<<"$info")")
  # Redis says it only while its setting is not 0.
  if [ -n "$good" ] && ((good < REDIS_HA_MIN_REPLICAS)); then return 1; fi
  used=$(number "$(field used_memory <<<"$info")")
  aside=$(number "$(field mem_not_counted_for_evict <<<"$info")")
  limit=$(number "$(field maxmemory <<<"$info")")
  if [ "$(field maxmemory_policy <<<"$info")" = noeviction ] && ((${limit:-0} > 0 && ${used:-0} - ${aside:-0} > limit)); then return 1; fi
}

# failovers: since five minutes ago. The epoch rises with each new master; the file remembers "EPOCH TIME COUNT" of the last rise.
failovers() {
  local epoch=$1 file=${STATE_DIRECTORY:?}/epoch now last=$1 time=0 count=0
  now=$(date +%s)
  if [ -s "$file" ]; then read -r last time count <"$file"; fi
  last=$(number "${last:-}") time=$(number "${time:-}") count=$(number "${count:-}")
  if ((now - ${time:-0} >= told || now < ${time:-0})); then count=0; fi
  if ((epoch > ${last:-$epoch})); then
    count=$((${count:-0} + epoch - last)) time=$now
  fi
  printf '%s %s %s\n' "$epoch" "${time:-0}" "${count:-0}" >"$file.new"
  mv -f "$file.new" "$file"
  echo "${count:-0}"
}

# add NAME VALUE
add() {
  metrics+=${metrics:+,}$(printf '{"namespace":"%s","compartmentId":"%s","name":"%s","dimensions":{"deployment":"%s","node":"%s"},"datapoints":[{"timestamp":"%s","value":%s}]}' \
    "$REDIS_HA_METRICS_NAMESPACE" "$REDIS_HA_COMPARTMENT" "$1" "$REDIS_HA_DEPLOYMENT" "$REDIS_HA_NODE" "$now" "$2")
}

measure() {
  local info nodes online epoch used
  now=$(date -u +%Y-%m-%dT%H:%M:%S.000Z) metrics=''
  used=$(df -P "$root/var/lib/redis" "$root/" | awk 'NR > 1 { sub(/%/, "", $5); if ($5 + 0 > most) most = $5 + 0 } END { print most + 0 }')
  add DiskUsed "$(number "$used")"
  info=$(ask_as_watch '{{redis-port}}' INFO all) || info=''
  if takes_writes "$info"; then add WritesTaken 1; else add WritesTaken 0; fi
  if [ "$(field role <<<"$info")" = master ]; then
    nodes=$(wc -w <<<"$REDIS_HA_NODES")
    online=$(grep -c '^slave[0-9]*:.*,state=online,' <<<"$info") || online=0
    add ReplicasLost $((online < nodes ? nodes - 1 - online : 0))
  fi
  epoch=$(number "$(ask_as_watch '{{sentinel-port}}' SENTINEL MASTER "$REDIS_HA_MASTER_NAME" | pair config-epoch)") || epoch=''
  if [ -n "$epoch" ]; then add Failovers "$(failovers "$epoch")"; fi
}

# signed KEY-FILE KEY-ID HEADERS ADDRESS: posts $work/body, signed by the key; prints the status, the answer is in $work/answer.
signed() {
  local key=$1 key_id=$2 headers=$3 address=$4 date length digest lines='' name signature host=${4#*://}
  date=$(date -u '+%a, %d %b %Y %H:%M:%S GMT')
  length=$(stat -c %s "$work/body")
  digest=$(openssl dgst -sha256 -binary "$work/body" | base64 -w 0)
  for name in $headers; do
    case $name in
      date) name+=": $date" ;;
      '(request-target)') name+=": post /${host#*/}" ;;
      host) name+=": ${host%%/*}" ;;
      content-length) name+=": $length" ;;
      content-type) name+=': application/json' ;;
      x-content-sha256) name+=": $digest" ;;
    esac
    lines+=${lines:+$'\n'}$name
  done
  signature=$(printf '%s' "$lines" | openssl dgst -sha256 -sign "$key" | base64 -w 0)
  # On standard input: the token in it is a secret while it lives.
  curl --config - --silent --show-error --max-time 20 --output "$work/answer" --write-out '%{http_code}' <<TEXT
url = "$address"
data-binary = "@$work/body"
header = "Date: $date"
header = "Content-Type: application/json"
header = "X-Content-Sha256: $digest"
header = "Expect:"
header = "Authorization: Signature version=\"1\",keyId=\"$key_id\",algorithm=\"rsa-sha256\",headers=\"$headers\",signature=\"$signature\""
TEXT
}

# inner FILE: what is between the first and the last line of a PEM file.
inner() {
  grep -v -e '-----' "$1" | tr -d '\n'
}

# renew: a new key, and a token for it.
renew() {
  local tenancy print status
  openssl genrsa -out "$work/key" 2048 2>/dev/null
  openssl pkey -in "$work/key" -pubout -out "$work/public"
  tenancy=$(openssl x509 -in "$identity/cert.pem" -noout -subject -nameopt RFC2253 | sed -n 's/.*opc-tenant:\([A-Za-z0-9._-]*\).*/\1/p')
  print=$(openssl x509 -in "$identity/cert.pem" -noout -fingerprint -sha256 | sed 's/.*=//' | tr 'A-F' 'a-f')
  printf '{"certificate":"%s","publicKey":"%s","intermediateCertificates":["%s"],"fingerprintAlgorithm":"SHA256"}' \
    "$(inner "$identity/cert.pem")" "$(inner "$work/public")" "$(inner "$identity/intermediate.pem")" >"$work/body"
  status=$(signed "$identity/key.pem" "$tenancy/fed-x509-sha256/$print" 'date (request-target) content-length content-type x-content-sha256' \
    "${REDIS_HA_AUTH_URL:-https://auth.$region.$realm}/v1/x509") || stop 'the service that gives tokens to instances cannot be reached'
  [ "$status" = 200 ] || stop "no token for this instance: $status $(head -c 300 "$work/answer" | tr -cd '[:print:]')"
  text token "$work/answer" >"$work/token"
  mv -f "$work/key" "$session/key"
  mv -f "$work/token" "$session/token"
}

# lives: whether the token goes on for a while. Its second part holds "exp", in seconds since 1970 (RFC 7519).
lives() {
  local part end
  [ -s "$session/key" ] && [ -s "$session/token" ] || return 1
  part=$(cut -d . -f 2 "$session/token" | tr '_-' '/+')
  while ((${#part} % 4)); do part+='='; done
  end=$(number "$(base64 -d <<<"$part" 2>/dev/null | tr -d '\n' | sed -n 's/.*"exp"[[:space:]]*:[[:space:]]*\([0-9]*\).*/\1/p')")
  ((${end:-0} > $(date +%s) + spare))
}

# post: prints the status.
post() {
  printf '{"metricData":[%s]}' "$metrics" >"$work/body"
  signed "$session/key" "ST\$$(cat "$session/token")" 'date (request-target) host content-length content-type x-content-sha256' \
    "${REDIS_HA_TELEMETRY_URL:-https://telemetry-ingestion.$region.$realm}/20180401/metrics"
}

measure_and_post() {
  local status failed
  session=${RUNTIME_DIRECTORY:?}
  work=$(mktemp -d "$session/post.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  REDISCLI_AUTH=$(cat "${CREDENTIALS_DIRECTORY:?}/watch.password")
  export REDISCLI_AUTH
  region=$(text regionIdentifier "$identity/regionInfo") realm=$(text realmDomainComponent "$identity/regionInfo")
  measure
  lives || renew
  status=$(post) || stop 'Monitoring cannot be reached'
  if [ "$status" = 401 ]; then
    # Not told apart: a token that was withdrawn, and a right that is missing.
    renew
    status=$(post) || stop 'Monitoring cannot be reached'
  fi
  [ "$status" = 200 ] || stop "Monitoring answers $status $(head -c 300 "$work/answer" | tr -cd '[:print:]') (docs/monitoring.md has the dynamic group and the policy)"
  failed=$(tr -d '\n' <"$work/answer" | sed -n 's/.*"failedMetricsCount"[[:space:]]*:[[:space:]]*\([0-9]*\).*/\1/p')
  [ "${failed:-0}" = 0 ] || stop "Monitoring refused $failed of them: $(head -c 300 "$work/answer" | tr -cd '[:print:]')"
}

case ${1:-} in
  identity) fetch_identity ;;
  post) measure_and_post ;;
  *) stop "there is no order \"${1:-}\"" ;;
esac
