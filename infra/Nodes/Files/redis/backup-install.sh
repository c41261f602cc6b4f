# shellcheck shell=bash
# shellcheck disable=SC2154 # payload, scripts and root are the apply script's
# Installs what makes backups, and what restores them. Sourced by the apply script.

# install_backup: restoring works without backups as well, from a file.
install_backup() {
  local file
  create_account redis-ha-backup
  install_directory /var/lib/redis-ha-backup 700 redis-ha-backup:redis-ha-backup
  for file in room.sh backup.sh restore-fetch.sh restore-serve.sh; do
    install_file "$payload/$file" "$scripts/$file" 755 root:root
  done
  install_file "$payload/backup-cli.sh" /usr/local/sbin/redis-ha-backup 755 root:root
  install_file "$payload/restore.sh" /usr/local/sbin/redis-ha-restore 755 root:root
  install_file "$payload/backup.password" /etc/redis-ha/backup.password 640 root:redis-ha-backup
  install_file "$payload/redis-ha-backup@.service" /etc/systemd/system/redis-ha-backup@.service 644 root:root
  if [ -f "$payload/backup.address" ]; then
    packages curl ca-certificates
    install_file "$payload/backup.address" /etc/redis-ha/backup.address 640 root:redis-ha-backup
    install_file "$payload/redis-ha-backup.timer" /etc/systemd/system/redis-ha-backup.timer 644 root:root timer-restart
    run_unit redis-ha-backup.timer timer-restart
    return 0
  fi
  systemctl daemon-reload
  rm -f "$root/etc/redis-ha/backup.address"
  if [ -e "$root/etc/systemd/system/redis-ha-backup.timer" ]; then
    systemctl disable --now redis-ha-backup.timer
    rm -f "$root/etc/systemd/system/redis-ha-backup.timer"
  fi
}
