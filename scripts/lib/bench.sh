# shellcheck shell=bash
# Builds the bench and runs one of its commands. Sourced by scripts/bench and scripts/failover-bench, which set "top".

# run_bench COMMAND ARGUMENT...: becomes the bench. Help comes at once from a bench that is built already, be it an older one.
run_bench() {
  # shellcheck disable=SC2154 # set by the script that sources this
  local project=$top/tests/RedisHaBench program=$top/tests/RedisHaBench/bin/Release/net10.0/redis-ha-bench
  case " ${*:2} " in
    *' --help '* | *' -h '*)
      if [ -x "$program" ]; then
        exec "$program" "$@"
      fi
      # Not built yet: what the script itself says of it, and where the rest is.
      sed -n '2,/^[^#]/s/^# //p' "$0"
      echo "The options are listed after the first run: the bench is not built yet."
      exit 0
      ;;
  esac
  # shellcheck source-path=SCRIPTDIR source=dotnet.sh
  . "$top/scripts/lib/dotnet.sh"
  require_dotnet "$top" "${0##*/}"
  # shellcheck source-path=SCRIPTDIR source=pulumi-packages.sh
  . "$top/scripts/lib/pulumi-packages.sh"
  choose_pulumi_packages "$top" >&2
  dotnet build "$project" -c Release -v quiet --nologo >&2
  exec "$program" "$@"
}
