#!/usr/bin/env bash
# The boot rule's decision: what redis-server starts as, from facts alone. No clock, no network, no file: see boot-rule.sh.
#
# Standard input, one fact a line:
#   me ADDRESS                          this node
#   member yes|no                       this node's data directory has once held a full copy of the data
#   sentinels COUNT                     Sentinels of the cluster, this node's own included
#   downafter SECONDS                   down-after, rounded up
#   waited SECONDS                      since the first question of this start
#   vote SENTINEL live|file ADDRESS EPOCH FLAGS     whom a Sentinel names (file: our own Sentinel's state on disk)
#   peer ADDRESS down                               redis-server there does not answer
#   peer ADDRESS loading
#   peer ADDRESS master
#   peer ADDRESS replica OF up|down SECONDS yes|no  whom it follows, its link, seconds since the link broke (-1: never was up), member?
#
# Standard output, one line: ACTION ARGUMENT RULE REASON...   with ACTION one of
#   master -          start as master
#   replicaof ADDRESS start as its replica
#   failover SENTINEL ask this Sentinel for a failover, then ask everybody again
#   wait -            ask everybody again
#
# Why these rules.
# - The vote with the highest configuration epoch is the newest: each failover raises it. The state that our own Sentinel keeps
#   on disk is a vote as well, so there is one even when all machines lost power together and no Sentinel is up yet.
# - Starting as replica of the named node is harmless when the vote is stale: the Sentinels re-point a replica. Starting as
#   master is not, so it needs a reason (below). A named node that is none of ours is not followed (S3): its data would replace ours.
#     M1 a majority names this node, no failover is under way, and its data is intact: a killed process is back at once.
#     M2 the same without a majority in reach, or with the node marked down, after patience: the machines came back from a power
#        loss one by one, or nobody can be promoted. min-replicas-to-write keeps a stale master from acknowledging writes.
#     M3 the named node itself followed this one a moment ago (FAILOVER TO: Sentinels name the old master for another 30 s).
#     F1 the first bootstrap: every node answers, and none has ever held data.
# - A named node that has lost its data (a replaced machine, a wiped disk) must not come back as master: its replicas would copy
#   the emptiness. It waits until the Sentinels have promoted another (F2), and asks for that when they do not (F3).
# - A node that never held data promotes itself only when all others say the same. One that does not answer may hold the data (F4).
# - A peer that claims to be master while the Sentinels still name us has been promoted a moment ago (they lag by about a second)
#   or by FAILOVER TO: it has the newer data (N1).
set -euo pipefail

# How long each weaker reason is held back, in seconds.
readonly majority_patience=3 promotion_patience=3 lone_patience=10 forced_patience=10
# A link that broke this long ago at most proves "it followed us until we stopped".
readonly recent_link=60

me='' member=no sentinels=0 down_after=5 waited=0
votes=0 live=0 down_flags=0 live_peer_sentinel=''
best='' best_epoch=-1
declare -A count=() kind=() of=() since=() peer_member=()
peers=()

while read -r fact a b c d e; do
  # Part of this is what other machines and Sentinel's own file say, and arithmetic would run a command that stands in a value: a vote
  # that holds anything but words and numbers does not count, and such a peer is as good as down.
  if [[ "$fact $a $b $c $d $e" == *[!A-Za-z0-9\ ._,:-]* ]]; then
    if [ "$fact" != peer ]; then continue; fi
    b=down
  fi
  case $fact in
    me) me=$a ;;
    member) member=$a ;;
    sentinels) sentinels=$a ;;
    downafter) down_after=$a ;;
    waited) waited=$a ;;
    vote)
      votes=$((votes + 1))
      # Sentinel counts to 2^64 - 1, this shell to 2^63 - 1: beyond 18 digits an epoch is as good as the last one.
      if ((${#d} > 18)); then d=999999999999999999; fi
      if [ "$b" = live ]; then
        live=$((live + 1))
        if [ "$a" != "$me" ]; then live_peer_sentinel=$a; fi
      fi
      key="$d $c"
      count[$key]=$((${count[$key]:-0} + 1))
      if ((d > best_epoch)) || { ((d == best_epoch)) && ((count[$key] > count["$best_epoch $best"])); }; then
        best=$c best_epoch=$d
      fi
      case ,$e, in *,s_down,* | *,o_down,* | *,failover_in_progress,*) if [ "$c" = "$me" ]; then down_flags=1; fi ;; esac
      ;;
    peer)
      peers+=("$a")
      kind[$a]=$b
      if [ "$b" = replica ]; then
        of[$a]=$c
        # Said by another machine's process; in arithmetic it would be run.
        if [[ ${e%% *} =~ ^-?[0-9]{1,18}$ ]]; then since[$a]=${e%% *}; else since[$a]=-1; fi
        peer_member[$a]=${e##* }
        if [ "$d" = up ]; then since[$a]=0; fi
      fi
      ;;
    *)
      echo "decide: unknown fact \"$fact\"" >&2
      exit 2
      ;;
  esac
done

answer() {
  echo "$*"
  exit 0
}

majority=no
if ((live * 2 > sentinels)); then majority=yes; fi

claimants=() unknown=() holders=()
for peer in "${peers[@]}"; do
  case ${kind[$peer]} in
    master) claimants+=("$peer") holders+=("$peer") ;;
    loading) holders+=("$peer") ;;
    replica) if [ "${peer_member[$peer]}" = yes ]; then holders+=("$peer"); fi ;;
    *) unknown+=("$peer") ;;
  esac
done

if ((votes == 0)); then
  if ((${#claimants[@]} == 1)); then
    answer replicaof "${claimants[0]}" N0 "no Sentinel has a name, but ${claimants[0]} is master"
  fi
  answer wait - N0 'no Sentinel answers, and ours has no state on disk'
fi

if [ "$best" != "$me" ]; then
  if [ -z "${kind[$best]:-}" ]; then
    answer wait - S3 "the Sentinels name $best (epoch $best_epoch), which is not a Redis node of this cluster as this node knows it"
  fi
  if [ "${kind[$best]:-down}" = replica ] && ((${#claimants[@]} == 0)) && [ "$member" = yes ] &&
    [ "${of[$best]}" = "$me" ] && ((since[$best] >= 0 && since[$best] <= recent_link)); then
    answer master - M3 "the Sentinels name $best, which itself followed this node until it stopped"
  fi
  if [ "${kind[$best]:-down}" = replica ] && [ "${kind[${of[$best]}]:-down}" = master ]; then
    answer replicaof "${of[$best]}" S2 "the Sentinels name $best, which follows the master ${of[$best]}"
  fi
  if [ "$majority" = no ] && ((waited < majority_patience)); then
    answer wait - S1 "only $live of $sentinels Sentinels answer; they name $best"
  fi
  answer replicaof "$best" S1 "the Sentinels name $best (epoch $best_epoch)"
fi

# From here on the Sentinels name this node.
if ((${#claimants[@]} > 0)); then
  if ((waited < promotion_patience)); then
    answer wait - N1 "the Sentinels name this node, but ${claimants[0]} is master: they will name it in a moment"
  fi
  answer replicaof "${claimants[0]}" N1 "${claimants[0]} was promoted while the Sentinels still name this node"
fi

if [ "$member" = yes ]; then
  if [ "$majority" = yes ] && ((down_flags == 0)); then
    answer master - M1 'the Sentinels name this node, and its data is intact'
  fi
  if ((waited < lone_patience)); then
    if [ "$majority" = no ]; then
      answer wait - M2 "only $live of $sentinels Sentinels answer; they name this node"
    fi
    answer wait - M2 'the Sentinels name this node but see it down: a failover may be under way'
  fi
  answer master - M2 "still named after $waited s by $live of $sentinels Sentinels, and its data is intact"
fi

if ((${#holders[@]} > 0)); then
  if ((waited >= down_after + forced_patience)) && [ -n "$live_peer_sentinel" ]; then
    answer failover "$live_peer_sentinel" F3 "the Sentinels name this node, whose data is lost, and do not promote ${holders[0]} by themselves"
  fi
  answer wait - F2 "the Sentinels name this node, whose data is lost: they must promote another (${holders[*]} has data)"
fi
if ((${#unknown[@]} > 0)); then
  answer wait - F4 "a first bootstrap is not proven while redis-server on ${unknown[*]} does not answer"
fi
answer master - F1 'first bootstrap: no node has ever held data'
