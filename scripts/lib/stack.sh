# shellcheck shell=bash
# A deployment, a stack on OCI or the lab, for the scripts that work on one: which one, its machines, and the way to them. Sourced,
# with the script's own name in "script".
#
# shellcheck disable=SC2034 # names set here are read by the scripts that source this
#
# After open_stack: "endpoint" ADDRESS:PORT, "machines" (names: bastion where there is one, redis1, ..., proxy1, ...), "title"; on_machine runs a
# command on one; "kept" begins the names of files of ours about it. After find_gate: "gate", the machine through which ports are forwarded.

stack='' lab='' identity='' jump=''
# Where the lab keeps its state (docs/lab.md); another place for a test.
lab_state=${REDIS_HA_LAB_STATE:-/var/lib/redis-ha-lab}

stack_options='  --stack NAME      the stack on OCI; default: the selected one (pulumi stack select)
  --lab [NAME]      the lab on this machine instead (as root)
  --identity FILE   the private key; default: the choice of ssh
  --jump USER@HOST  through this host; for a stack without a bastion, such as a session of the Bastion service'

# bad TEXT: a mistake on the command line.
bad() {
  echo "${script:?}: $1; see scripts/$script --help" >&2
  exit 2
}

fail() {
  echo "${script:?}: $1" >&2
  exit 1
}

# own_word WORD: whether it is one of the script's own words, which stand without an option before them: those that match own_words.
own_words=''
own_word() {
  [ -n "$own_words" ] && [[ $1 =~ ^($own_words)$ ]]
}

# is_lab_name WORD: as tests/RedisHaLab/State/LabPaths.cs has it.
is_lab_name() {
  [[ $1 =~ ^[a-z][a-z0-9-]{0,11}$ ]]
}

# stack_option WORD...: takes an option that all scripts have from the head of the command line, and sets "taken" to the number of its
# words; 0 when it is another one.
stack_option() {
  taken=0
  case $1 in
    --stack)
      [ -n "${2:-}" ] || bad '--stack needs the name of a stack, such as production'
      stack=$2 taken=2
      ;;
    --identity)
      [ -r "${2:-}" ] || bad "--identity needs a private key that can be read, such as ~/.ssh/id_ed25519; it has \"${2:-}\""
      identity=$(readlink -f "$2") taken=2
      ;;
    --jump)
      # They become a line of ssh's configuration.
      [[ ${2:-} =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*$ ]] ||
        bad "--jump needs USER@HOST, such as ocid1.bastionsession...@host.bastion.eu-frankfurt-1.oci.oraclecloud.com; it has \"${2:-}\""
      jump=$2 taken=2
      ;;
    --lab)
      lab=lab taken=1
      # The name is optional: a word that the script knows itself is not one, unless there is a lab of this name.
      case ${2:-} in
        '' | -*) ;;
        *)
          if ! own_word "$2" || { is_lab_name "$2" && [ -d "$lab_state/$2" ]; }; then lab=$2 taken=2; fi
          ;;
      esac
      ;;
  esac
}

# read_options WORD...: the command line. The script's own options are taken by own_option WORD..., which sets "taken" when it takes more than
# one word, and ends with 1 for one that it does not know.
read_options() {
  while [ "$#" -gt 0 ]; do
    stack_option "$@"
    if [ "$taken" -eq 0 ]; then
      taken=1
      case $1 in
        -h | --help) usage && exit 0 ;;
        *) own_option "$@" || bad "\"$1\" is not known" ;;
      esac
    fi
    shift "$taken"
  done
}

# output NAME [OPTION...]: one of the stack's outputs. What pulumi says of a failure is shown as it is.
output() {
  (cd "$top" && pulumi stack output "$@" ${stack:+--stack "$stack"})
}

# require_command NAME HOW: a program that the script runs; HOW to get it.
require_command() {
  command -v "$1" >/dev/null || fail "needs $1, $2"
}

lab_up() {
  echo "sudo scripts/lab up$([ "$lab" = lab ] || echo " --name $lab")"
}

# require_lab: ends with a message unless the lab has come up.
require_lab() {
  local name others='' first
  if [ -f "$lab_state/$lab/ssh/config" ]; then
    require_command ip 'as scripts/lab does; Debian, Ubuntu: apt-get install iproute2'
    return
  fi
  is_lab_name "$lab" || bad "\"$lab\" cannot be the name of a lab: 1 to 12 lower-case letters, digits and hyphens, such as lab2"
  if [ -f "$lab_state/$lab/state.json" ]; then fail "the lab \"$lab\" has not come up to its end: $(lab_up)"; fi
  for name in "$lab_state"/*/ssh/config; do
    name=${name%/ssh/config}
    if [ -e "$name/ssh/config" ]; then others="$others, ${name##*/}"; fi
  done
  others=${others#, } first=${others%%,*}
  [ -n "$others" ] || fail "there is no lab on this machine: $(lab_up)"
  fail "there is no lab \"$lab\"; on this machine there are: $others. For example: sudo scripts/$script --lab${first:+ $first}"
}

# open_stack: finds the deployment. Ends with a message where there is none.
open_stack() {
  top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  if [ -n "$lab" ]; then
    [ -z "$stack" ] || bad '--stack and --lab exclude each other'
    [ -z "$jump" ] || bad '--jump and --lab exclude each other'
    [ "$(id -u)" -eq 0 ] || fail "the lab's machines are reached by root only: run it with sudo"
    require_lab
    title="the lab \"$lab\"" kept=$lab_state/$lab/scripts
    # With a bastion from the internet, without one from the operators' own network.
    if grep -q -x 'Host bastion' "$lab_state/$lab/ssh/config"; then desk=outside; else desk=office; fi
    ip netns list 2>/dev/null | grep "^redis-ha-lab\.$lab\.$desk\b" >/dev/null || fail "the lab \"$lab\" is down, as after a reboot of this machine: $(lab_up)"
    ssh=(ip netns exec "redis-ha-lab.$lab.$desk" ssh -F "$lab_state/$lab/ssh/config")
    endpoint=$(sed -n 's/.*"Endpoint": *"\([0-9.:]*\)".*/\1/p' "$lab_state/$lab/state.json" | head -n 1)
    machines=$(sed -n 's/^Host \([a-z][a-z0-9-]*\)$/\1/p' "$lab_state/$lab/ssh/config")
    return 0
  fi
  require_command pulumi 'which knows the stack: https://www.pulumi.com/docs/install/. For the lab on this machine: --lab'
  require_command ssh 'Debian, Ubuntu: apt-get install openssh-client'
  local config hosts
  config=$(output sshConfig) ||
    fail "$([ -n "$stack" ] && echo "the stack \"$stack\"" || echo 'the selected stack') has no output \"sshConfig\" (what pulumi says is above). If it is not built yet: \
run pulumi up first. If you mean another one: pulumi stack ls, then --stack NAME"
  if ! endpoint=$(output endpoint) || ! hosts=$(output knownHosts); then
    fail 'the stack is not complete: run pulumi up first'
  fi
  title="${stack:-the selected stack}"
  # The stack is asked each time: nobody is trusted at first sight, and a machine's successor is known.
  local directory=${XDG_CACHE_HOME:-$HOME/.cache}/redis-ha
  (umask 077 && mkdir -p "$directory") || fail "cannot write to $directory"
  local file
  file=$directory/$(sed -n 's/^  HostName //p' <<<"$config" | head -n 1)
  kept=$file
  (
    umask 077
    printf '%s\n' "$hosts" >"$file.known_hosts.$$"
    mv -f "$file.known_hosts.$$" "$file.known_hosts"
    {
      # The first value that ssh meets holds (ssh_config(5)).
      if [ -n "$jump" ]; then
        printf 'Host %s\n  UserKnownHostsFile ~/.ssh/known_hosts\nHost %s\n  ProxyJump %s\nHost *\n' \
          "${jump#*@}" "$(sed -n 's/^Host \([a-z][a-z0-9-]*\)$/\1/p' <<<"$config" | tr '\n' ' ')" "$jump"
      fi
      echo "UserKnownHostsFile $file.known_hosts"
      if [ -n "$identity" ]; then printf 'IdentityFile "%s"\nIdentitiesOnly yes\n' "$identity"; fi
      printf '%s\n' "$config"
    } >"$file.config.$$"
    mv -f "$file.config.$$" "$file.config"
  ) || fail "cannot write to $directory"
  ssh=(ssh -F "$file.config")
  machines=$(sed -n 's/^Host \([a-z][a-z0-9-]*\)$/\1/p' <<<"$config")
}

# machines_of PREFIX: those of a role, one a line.
machines_of() {
  grep "^$1[0-9]*$" <<<"$machines" || true
}

# find_absent: "absent", the Redis nodes that the last pulumi up left out (absentNodes), separated by blanks.
find_absent() {
  if [ -n "$lab" ]; then
    absent=$(cat "$lab_state/$lab/absent.nodes" 2>/dev/null) || absent=''
  else
    # A stack of an earlier version has no such output.
    absent=$(output absentNodes 2>/dev/null) || absent=''
  fi
}

# find_gate: the bastion, or else the first Redis node that is reached: their group may connect to the balancer and to the proxies' pages.
find_gate() {
  gate=bastion
  if ! grep -q -x bastion <<<"$machines"; then
    for gate in $(machines_of redis); do
      if on_machine "$gate" true </dev/null 2>/dev/null; then return; fi
    done
    gate=$(machines_of redis | head -n 1)
  fi
}

# address_of MACHINE: where ssh finds it.
address_of() {
  "${ssh[@]}" -T -G "$1" | sed -n 's/^hostname //p'
}

# on_machine MACHINE COMMAND...: its standard input is the command's. ssh ends with 255 when the machine is not reached.
on_machine() {
  local machine=$1
  shift
  "${ssh[@]}" -T -o BatchMode=yes -o ServerAliveInterval=15 "$machine" "$@"
}
