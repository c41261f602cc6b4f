# shellcheck shell=bash
# shellcheck disable=SC2154 # nologin is distribution.sh's
# Accounts without rights, and how root's scripts hand work to them. Sourced.
#
# A file or folder that such an account can write is never written, read, sourced or given away by root: through a link, the account
# would choose what root does it to. What has to be done there is done as the account.

# create_account NAME [GROUP...]: a system account without a login; GROUP...: further groups of it.
create_account() {
  local name=$1 groups
  shift
  if ! getent passwd "$name" >/dev/null; then
    groups=$(IFS=,; echo "$*")
    useradd --system --user-group --groups "$groups" --no-create-home --home-dir /nonexistent --shell "$nologin" "$name"
    say "created the account $name"
  fi
}

# as_account ACCOUNT COMMAND...: without any of root's rights. It gets none of root's open files either (another process of the
# account could take them over): what it prints comes through a pipe.
as_account() {
  local account=$1
  shift
  setpriv --reuid="$account" --regid="$account" --init-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- \
    "$@" 2>&1 3>&- 9>&- | cat
}
