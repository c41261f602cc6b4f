# shellcheck shell=bash
# On the bastion: waits until an SSH server answers at ADDRESS. The connection of the next command gets no second chance.
# arguments: NAME ADDRESS SECONDS
set -euo pipefail
name=$1 address=$2 limit=$3

answers() {
  # The banner, not just the port: a machine that is still coming up may accept before it serves.
  # shellcheck disable=SC2016 # the inner shell's variables
  timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/22" && IFS= read -r banner <&3 && [[ $banner == SSH-* ]]' "$address" </dev/null 2>/dev/null
}

SECONDS=0
until answers; do
  if ((SECONDS >= limit)); then
    echo "$name ($address) does not answer by SSH after $limit s: look at its console and serial log" >&2
    exit 1
  fi
  sleep 1
done
echo "$name ($address) answers by SSH after $SECONDS s"
