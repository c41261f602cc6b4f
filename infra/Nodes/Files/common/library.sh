# shellcheck shell=bash
# What both apply scripts share: the log, named steps, the outcome markers, and installing a file only when it changes.
# Sourced by the apply scripts, which set "payload", their directory. Everything below REDIS_HA_ROOT (empty on a node) so that a test
# can apply into a directory.

root=${REDIS_HA_ROOT:-}
state=$root/var/lib/redis-ha
# Not below /var/log, which belongs to the account syslog as well on Ubuntu.
log=$state/apply.log
# Where the scripts lie that the units call.
scripts=/usr/local/libexec/redis-ha
readonly state log scripts

current_step='start' failure='' failed_command='' failed_line='' whole=no

# say TEXT: one line for the log and for whoever watches (cloud-init's output, the ssh session), who may be gone.
say() {
  { printf 'redis-ha: %s\n' "$1" >&3; } 2>/dev/null || true
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" >>"$log"
}

step() {
  current_step=$1
  say "$1"
}

# fail REASON: ends the script with a reason that a person can act on.
fail() {
  failure=$1
  exit 1
}

# conclude: the end of the work; what ends anywhere else has not come to it.
conclude() {
  whole=yes
  exit 0
}

# explain CODE COMMAND LINE: the reason, where nobody has given one. A signal ends the shell with the exit code of the last command, which may be 0.
explain() {
  local command=${2%%$'\n'*}
  if [ -n "$failure" ]; then
    return 0
  elif [ "$1" -eq 0 ]; then
    failure="it was cut off at \"$command\" (line $3); the next pulumi up completes it"
  else
    failure="\"$command\" ended with exit code $1 (line $3)"
  fi
}

# outlive_watcher: what has begun goes on to its end when the connection of whoever watches ends; the next run waits for it. SIGPIPE gets a handler
# and is not ignored: what is started from here gets the signal as usual.
outlive_watcher() {
  trap : PIPE
  trap '' HUP
}

# first_boot: this payload is cloud-init's user data, which holds no secret; the rollout of pulumi up brings the whole one by SSH.
first_boot() {
  # shellcheck disable=SC2154 # set by the script that sources this
  [ -e "$payload/first-boot" ]
}

# mark NAME: leaves the payload's identifier as a marker, never half of it.
mark() {
  printf '%s\n' "$REDIS_HA_PAYLOAD" >"$state/$1.new"
  mv "$state/$1.new" "$state/$1"
}

# The markers ready, awaits-secrets and failed exclude each other. "failed" says what was being done, the command, and the log's last
# lines. "configured" stays: this machine has once applied a payload with its secrets.
finish() {
  local code=$1 command=$2 line=$3
  trap - EXIT ERR
  if [ "$whole" = yes ] && first_boot; then
    mark awaits-secrets
    say 'waits for its secrets, which the rollout of pulumi up brings'
  elif [ "$whole" = yes ]; then
    mark configured
    mark ready
    say 'applied'
  else
    explain "$code" "$command" "$line"
    {
      printf 'step: %s\nreason: %s\nlast lines of %s:\n' "$current_step" "$failure" "$log"
      tail -n 15 "$log" || true
    } >"$state/failed.new"
    mv "$state/failed.new" "$state/failed"
    { printf 'redis-ha: FAILED while "%s": %s\n' "$current_step" "$failure" >&3; } 2>/dev/null || true
    if [ "$code" -eq 0 ]; then code=1; fi
  fi
  exit "$code"
}

# begin: a first boot's payload that comes late has no say; then the log (root only: tools print more than they should) and the traps. Descriptor 3 stays the terminal.
begin() {
  umask 077
  mkdir -p "$state"
  chmod 755 "$state"
  if first_boot && { [ -e "$state/configured" ] || [ -e "$state/ready" ]; }; then
    echo 'redis-ha: this machine is configured already; changes reach it by the rollout of pulumi up'
    exit 0
  fi
  touch "$log"
  chmod 600 "$log"
  exec 3>&1 >>"$log" 2>&1
  trap 'failed_command=$BASH_COMMAND failed_line=$LINENO' ERR
  trap 'finish "$?" "${failed_command:-$BASH_COMMAND}" "${failed_line:-$LINENO}"' EXIT
  set -E
  outlive_watcher
  rm -f "$state/ready" "$state/awaits-secrets" "$state/failed"
}

declare -A rooted=()
# require_rooted FOLDER: fails unless root alone can replace FOLDER, a folder above it, or what lies in it. Whoever else can, chooses
# what root writes and where. (Debian's group "staff" is root by another name: it owns the folders at the head of root's PATH.)
require_rooted() {
  local folder=$1 path owner group mode paths=()
  if [ -n "${rooted[$folder]:-}" ]; then
    return 0
  fi
  for path in "$folder" "$(readlink -f "$folder")"; do
    while [[ $path == "$root"/* ]]; do
      paths+=("$path")
      path=${path%/*}
    done
  done
  while read -r owner group mode path; do
    if { [ "$owner" != 0 ] && [ "$owner" != "$EUID" ]; } || ((8#$mode & 8#2)) ||
      { ((8#$mode & 8#20)) && [ "$group" != root ] && [ "$group" != staff ]; }; then
      fail "$path can be changed by other accounts than root (owner $owner, group $group, mode $mode), so nothing is written below it: \
give it back to root (chown root:root, chmod 755) and apply again"
    fi
  done < <(stat -L -c '%u %G %a %n' "${paths[@]}")
  rooted[$folder]=yes
}

# install_file SOURCE TARGET MODE OWNER:GROUP [ACTION]: atomic; leaves an equal file alone, but sets mode and owner again. The folder
# is root's. ACTION is what a changed file demands; see "pending".
install_file() {
  local source=$1 target=$root$2 mode=$3 owner=$4 action=${5:-}
  (umask 022 && mkdir -p "$(dirname "$target")")
  require_rooted "$(dirname "$target")"
  if [ -f "$target" ] && [ ! -L "$target" ] && cmp -s "$source" "$target"; then
    chown "$owner" "$target"
    chmod "$mode" "$target"
    return 0
  fi
  if [ -n "$action" ]; then
    touch "$state/pending.$action"
  fi
  rm -f "$target.redis-ha-new"
  cp "$source" "$target.redis-ha-new"
  chown "$owner" "$target.redis-ha-new"
  chmod "$mode" "$target.redis-ha-new"
  mv -f -T "$target.redis-ha-new" "$target"
  label "$target"
  say "installed $2"
}

# pending ACTION: whether a file that demands it was changed, in this run or in one that ended before it had acted. settled ACTION
# says that it was done.
pending() {
  [ -e "$state/pending.$1" ]
}

settled() {
  rm -f "$state/pending.$1"
}

# run_unit UNIT ACTION: a unit whose file is installed runs, now and after every boot; restarted when ACTION is pending.
run_unit() {
  systemctl daemon-reload
  systemctl enable "$1"
  if pending "$2"; then
    systemctl restart "$1"
    settled "$2"
  else
    systemctl start "$1"
  fi
}

# install_directory PATH MODE OWNER:GROUP: the folder above it is root's.
install_directory() {
  (umask 022 && mkdir -p "$(dirname "$root$1")")
  require_rooted "$(dirname "$root$1")"
  if [ -L "$root$1" ] || { [ -e "$root$1" ] && [ ! -d "$root$1" ]; }; then
    fail "$1 is no folder: move it away and apply again"
  fi
  mkdir -p "$root$1"
  chown "$3" "$root$1"
  chmod "$2" "$root$1"
  label "$root$1"
}

# command_for_sudo PATH: also in /usr/bin, because sudo on Oracle Linux looks into no folder of /usr/local.
command_for_sudo() {
  local link=$root/usr/bin/${1##*/} target=../${1#/usr/}
  mkdir -p "$root/usr/bin"
  if [ "$(readlink "$link" 2>/dev/null)" != "$target" ]; then
    ln -s -f -n -T "$target" "$link"
    say "linked /usr/bin/${1##*/}"
  fi
}

# attempt COUNT PAUSE COMMAND...: tries again with a growing pause; the log has each failure.
attempt() {
  local count=$1 pause=$2 try
  shift 2
  for ((try = 1; ; try++)); do
    if "$@"; then
      return 0
    fi
    if ((try >= count)); then
      return 1
    fi
    say "attempt $try of $count failed; again in $pause s"
    sleep "$pause"
    pause=$((pause * 2 > 60 ? 60 : pause * 2))
  done
}

# words TEXT: its words, with one blank between them.
words() {
  local words
  read -r -a words <<<"$1"
  echo "${words[*]}"
}

# kernel_settings FILE (sysctl.d syntax): now and at every boot. A container cannot set all of them: exactly that is tolerated.
kernel_settings() {
  local name value file
  install_file "$1" /etc/sysctl.d/60-redis-ha.conf 644 root:root
  while IFS='=' read -r name value; do
    name=${name//[[:space:]]/}
    # A value of several numbers, such as a range, has a blank between them here and a tab in the kernel's answer.
    value=$(words "$value")
    case $name in '' | '#'*) continue ;; esac
    file=$root/proc/sys/${name//.//}
    if [ "$(words "$(cat "$file" 2>/dev/null)")" = "$value" ]; then
      continue
    fi
    if { printf '%s\n' "$value" >"$file"; } 2>/dev/null; then
      say "set $name to $value"
    elif in_container; then
      say "$name is not settable in this machine (a container): left at $(cat "$file" 2>/dev/null || echo '(absent)')"
    else
      fail "cannot set $name to $value"
    fi
  done <"$1"
}

in_container() {
  systemd-detect-virt --quiet --container
}

# own_rules DIRECTORY: the host's own rules on outgoing connections; see firewall.sh.
own_rules() {
  install_file "$1/firewall.sh" "$scripts/firewall.sh" 755 root:root
  install_file "$1/redis-ha-firewall.service" /etc/systemd/system/redis-ha-firewall.service 644 root:root
  install_file "$1/redis-ha-firewall.timer" /etc/systemd/system/redis-ha-firewall.timer 644 root:root
  former_unit redis-ha-metadata.service
  rm -f "$root/etc/redis-ha/metadata.nft"
  systemctl daemon-reload
  systemctl enable redis-ha-firewall.service
  systemctl enable --now redis-ha-firewall.timer
  systemctl start redis-ha-firewall.service
}

# former_unit NAME: a unit that payloads no longer have.
former_unit() {
  if [ -e "$root/etc/systemd/system/$1" ]; then
    systemctl disable "$1"
    rm -f "$root/etc/systemd/system/$1"
  fi
}

# admit PORT...: who may come in: clients at exactly these TCP ports, people by exactly the listed SSH keys. A first boot ends here: its keys
# are cloud-init's, and all that comes after needs secrets.
admit() {
  step 'host firewall'
  open_ports "$@"
  own_rules "$payload"
  if first_boot; then
    conclude
  fi
  step 'SSH keys'
  # shellcheck source-path=SCRIPTDIR source=../common/sshd.sh
  . "$payload/sshd.sh"
  ssh_keys "$payload/authorized_keys" "$REDIS_HA_LOGIN_USER" || fail 'the SSH keys could not be installed (see the log)'
  ssh_settings "$payload/sshd.conf" "$REDIS_HA_LOGIN_USER" || fail 'the SSH settings could not be installed (see the log)'
}
