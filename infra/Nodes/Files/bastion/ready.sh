# shellcheck shell=bash
# On the bastion, as root: the keys and settings of its SSH server, and proof that the running server has them. Rollout puts the
# functions of sshd.sh, the settings and the keys in place of their marks.
# arguments: USER SECONDS
set -euo pipefail
user=$1 limit=$2
# Empty on a bastion; a test works in a directory.
root=${REDIS_HA_ROOT:-}
state=$root/var/lib/redis-ha
export PATH="$PATH:/usr/sbin:/sbin"

# The functions of sshd.sh, whose first line is a comment, too: {{sshd}}

give_up() {
  echo "$1" >&2
  exit 1
}

SECONDS=0
until [ -e "$state/ready" ]; do
  if ((SECONDS >= limit)); then
    tail -n 20 "$root/var/log/cloud-init-output.log" >&2 || true
    give_up "the bastion's cloud-init has not ended well after $limit s; the end of its log is above"
  fi
  sleep 1
done

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cat >"$directory/keys" <<'REDIS_HA_END_OF_KEYS'
{{keys}}
REDIS_HA_END_OF_KEYS
cat >"$directory/settings" <<'REDIS_HA_END_OF_SETTINGS'
{{settings}}
REDIS_HA_END_OF_SETTINGS
ssh_keys "$directory/keys" "$user" || give_up 'the SSH keys could not be installed; the reason is above'
ssh_settings "$directory/settings" "$user" || give_up 'the SSH settings could not be installed; the reason is above'

# Not only when they changed: somebody may have written a file of their own meanwhile.
ssh_in_effect "$directory/settings" "$user" || give_up "the bastion's SSH server is not hardened; the reason is above"
# shellcheck disable=SC2016 # the inner shell's variables
timeout 10 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && IFS= read -r banner <&3 && [[ $banner == SSH-* ]]' "${REDIS_HA_SSH_PORT:-22}" </dev/null ||
  give_up "the bastion's SSH server does not answer after it took its settings"
echo "the bastion's SSH server runs with its settings and $(grep -c . "$directory/keys") key(s)"
