# shellcheck shell=bash
# shellcheck disable=SC2154 # root and state are the caller's
# What the SSH server of a machine reads from us, on nodes and on the bastion: the keys that open it, and settings. The nodes' apply
# scripts source this; the bastion's script holds it. The caller sets "root" and "state" and has sshd in its PATH.

# ssh_keys FILE USER: exactly these keys open the machine for the user. Root's file in a directory of root's, so the user cannot add to
# it; checked, then renamed into place, so there is no moment without keys.
ssh_keys() {
  local file=$1 directory=$root/etc/ssh/authorized_keys.d
  if ! ssh-keygen -l -f "$file" >/dev/null; then
    echo 'the list of SSH keys is not readable as one; the keys stay as they are' >&2
    return 1
  fi
  mkdir -p "$directory" && chmod 755 "$directory" && place_ssh_file "$file" "$directory/$2"
}

# ssh_settings FILE USER: the settings, and a server that has read them.
ssh_settings() {
  local file=$1 user=$2 target=$root/etc/ssh/sshd_config.d/00-redis-ha.conf unit=sshd.service wanted
  wanted=$(sha256sum "$file" | cut -d ' ' -f 1)
  if cmp -s "$file" "$target" && [ "$(cat "$state/sshd" 2>/dev/null)" = "$wanted" ]; then
    return 0
  fi
  # Alone first: a file that the server does not take must never be what it finds at its next start.
  sshd -t -f "$file" && place_ssh_file "$file" "$target" && sshd -t && ssh_in_effect "$file" "$user" || return 1
  # Ubuntu calls it ssh, Oracle Linux sshd. A restart, because only that is certain with socket activation (Ubuntu 24.04: ssh.socket
  # keeps the port, and with it who connects meanwhile). Sessions are processes of their own and live on (KillMode=process).
  if systemctl cat ssh.service >/dev/null 2>&1; then unit=ssh.service; fi
  keep_ssh_directory "$unit" || return 1
  systemctl restart "$unit" || return 1
  # Written last: an interrupted run restarts again.
  printf '%s\n' "$wanted" >"$state/sshd.new" && mv -f "$state/sshd.new" "$state/sshd"
}

# keep_ssh_directory UNIT: every connection enters /run/sshd before its login. Debian's and Ubuntu's unit takes it away when it stops, so one that
# the old server has just taken would end with chroot("/run/sshd"): No such file or directory.
keep_ssh_directory() {
  local dropin=$root/etc/systemd/system/$1.d/redis-ha.conf
  if [ "$1" = ssh.service ] && [ "$(cat "$dropin" 2>/dev/null)" != $'[Service]\nRuntimeDirectoryPreserve=yes' ]; then
    mkdir -p "$(dirname "$dropin")" && printf '[Service]\nRuntimeDirectoryPreserve=yes\n' >"$dropin.new" && mv -f "$dropin.new" "$dropin" &&
      systemctl daemon-reload
  fi
}

# ssh_in_effect FILE USER: what counts is what the server makes of all its files.
ssh_in_effect() {
  local file=$1 keyword value effective
  effective=$(sshd -T -C "user=$2,host=localhost,addr=127.0.0.1") || return 1
  while read -r keyword value; do
    case $keyword in '' | '#'*) continue ;; esac
    if ! grep -q -x -i -F "$keyword $value" <<<"$effective"; then
      echo "the SSH setting \"$keyword $value\" is not in effect: another file in /etc/ssh says \"$(grep -i "^$keyword " <<<"$effective")\"" >&2
      return 1
    fi
  done <"$file"
}

# place_ssh_file SOURCE TARGET: atomic; the label is SELinux', where there is one.
place_ssh_file() {
  if ! cmp -s "$1" "$2"; then
    cp "$1" "$2.redis-ha-new" && chmod 644 "$2.redis-ha-new" && mv -f "$2.redis-ha-new" "$2" || return 1
  fi
  if [ -e "$root/sys/fs/selinux/enforce" ]; then restorecon -F "$(dirname "$2")" "$2"; fi
}
