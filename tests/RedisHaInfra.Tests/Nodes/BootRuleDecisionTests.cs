// The boot rule's decision, case by case: facts in, one decision out. Node 1 is "me" everywhere.

using RedisHaInfra.Nodes;

namespace RedisHaInfra.Tests.Nodes;

public sealed class BootRuleDecisionTests : IDisposable
{
    private readonly string _script = Path.Combine(Directory.CreateTempSubdirectory("redis-ha-decide").FullName, "decide.sh");

    public BootRuleDecisionTests() => File.WriteAllText(_script, Template.Read("redis/decide.sh"));

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_script)!, recursive: true);

    public static TheoryData<string, string, string, string> Cases => new()
    {
        // First bootstrap.
        { "first bootstrap, all answer", "no 0", "1@0 1@0 1@0 | fresh:1 fresh:1", "master - F1" },
        { "first bootstrap, one peer is not there yet", "no 500", "1@0 1@0 1@0 | fresh:1 down", "wait - F4" },
        { "first bootstrap, Sentinels already see the master down", "no 30", "1@0!o_down 1@0!o_down 1@0!o_down | fresh:1 fresh:1", "master - F1" },
        { "first bootstrap seen from another node", "no 0", "2@0 2@0 2@0 | down down", "replicaof 10.0.0.2 S1" },
        { "first bootstrap of another node, only its own Sentinel is up", "no 0", "2@0 - - | down down", "wait - S1" },
        { "the same after patience", "no 3", "2@0 - - | down down", "replicaof 10.0.0.2 S1" },

        // A process that was killed, and a machine that was rebooted.
        { "killed process of the master", "yes 0", "1@4 1@4 1@4 | replica:1:0 replica:1:0", "master - M1" },
        { "killed process of the master, one Sentinel away", "yes 0", "1@4 1@4 - | replica:1:0 replica:1:0", "master - M1" },
        { "a Sentinel sees the master down already", "yes 2", "1@4 1@4!s_down 1@4 | replica:1:6 replica:1:6", "wait - M2" },
        { "a failover is under way", "yes 2", "1@4!s_down,o_down,failover_in_progress 1@4 1@4 | replica:1:6 replica:1:6", "wait - M2" },
        { "marked down, but nobody was promoted", "yes 10", "1@4!o_down 1@4!o_down 1@4!o_down | replica:1:20 replica:1:20", "master - M2" },
        { "another was promoted a moment ago, the Sentinels lag", "yes 1", "1@4!o_down 1@4!o_down 1@4!o_down | master replica:2:0", "wait - N1" },
        { "the same, and the Sentinels do not notice", "yes 3", "1@4 1@4 1@4 | master replica:2:0", "replicaof 10.0.0.2 N1" },
        { "the Sentinels name a stranger", "yes 0", "4@9 4@9 4@9 | replica:4:0 replica:4:0", "wait - S3" },
        { "one Sentinel names a stranger, in a newer epoch", "yes 500", "1@4 1@4 4@5 | replica:1:0 replica:1:0", "wait - S3" },
        { "an epoch beyond this shell's numbers", "yes 0", "1@4 1@4 2@18446744073709551615 | master replica:2:0", "replicaof 10.0.0.2 S1" },
        { "rebooted after a failover", "yes 0", "2@5 2@5 2@5 | master replica:2:0", "replicaof 10.0.0.2 S1" },
        { "the newest epoch wins over the majority", "yes 0", "1@4 1@4 3@5 | replica:3:0 master", "replicaof 10.0.0.3 S1" },
        { "a replica", "yes 0", "3@2 3@2 3@2 | replica:3:0 master", "replicaof 10.0.0.3 S1" },

        // A node that lost its data.
        { "wiped master", "no 0", "1@4 1@4 1@4 | replica:1:2 replica:1:2", "wait - F2" },
        { "wiped master, no failover by itself", "no 15", "1@4 1@4 1@4 | replica:1:20 replica:1:20", "failover 10.0.0.3 F3" },
        { "wiped master, only a restarted replica has data", "no 15", "1@4 1@4 - | replica:1:-1 down", "failover 10.0.0.2 F3" },
        { "wiped master, nobody but our own Sentinel could be asked", "no 60", "1@4 - - | replica:1:20 down", "wait - F2" },
        { "wiped master, another was promoted", "no 6", "1@4 1@4 1@4 | replica:3:0 master", "replicaof 10.0.0.3 N1" },
        { "wiped master, peers unreachable", "no 600", "1@4 - - | down down", "wait - F4" },
        { "wiped master, one peer fresh, the other may hold the data", "no 600", "1@4 1@4 - | fresh:1 down", "wait - F4" },
        { "wiped master, a peer is loading its data", "no 1", "1@4 1@4 1@4 | loading down", "wait - F2" },
        { "wiped replica", "no 0", "2@4 2@4 2@4 | master replica:2:0", "replicaof 10.0.0.2 S1" },

        // All machines lost power.
        { "all down, this one was master, first one up", "yes 0", "1@4 - - | down down", "wait - M2" },
        { "the same after patience: min-replicas fences it", "yes 10", "1@4 - - | down down", "master - M2" },
        { "all down, ours not up either: its state on disk counts", "yes 10", "1@4#file - - | down down", "master - M2" },
        { "all down, this one was a replica", "yes 3", "2@4#file - - | down down", "replicaof 10.0.0.2 S1" },
        { "all down, this one's state is stale", "yes 0", "1@3 2@4 - | down down", "replicaof 10.0.0.2 S1" },

        // FAILOVER TO: the Sentinels name the old master for another 30 s.
        { "we were promoted by FAILOVER TO, and restart", "yes 0", "2@4 2@4 2@4 | replica:1:1 replica:1:1", "master - M3" },
        { "the named node followed us only long ago", "yes 0", "2@4 2@4 2@4 | replica:1:600 replica:1:600", "replicaof 10.0.0.2 S1" },
        { "the named node never reached us", "yes 0", "2@4 2@4 2@4 | replica:1:-1 down", "replicaof 10.0.0.2 S1" },
        { "the named node followed us, but our data is gone", "no 0", "2@4 2@4 2@4 | replica:1:1 replica:1:1", "replicaof 10.0.0.2 S1" },
        { "another was promoted by FAILOVER TO", "yes 0", "2@4 2@4 2@4 | replica:3:0 master", "replicaof 10.0.0.3 S2" },
        { "we were the old master of a FAILOVER TO", "yes 3", "1@4 1@4 1@4 | master replica:2:0", "replicaof 10.0.0.2 N1" },

        // Nobody has a name.
        { "no Sentinel, no state", "yes 99", "- - - | down down", "wait - N0" },
        { "no Sentinel, but a master", "yes 0", "- - - | down master", "replicaof 10.0.0.3 N0" },
        { "no Sentinel, two masters", "yes 99", "- - - | master master", "wait - N0" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Decides(string name, string memberAndWaited, string view, string expected)
    {
        ShellResult result = await Shell.RunAsync("bash", [_script], Facts(memberAndWaited, view));

        Assert.True(result.ExitCode == 0, $"{name}: {result}");
        Assert.StartsWith(expected + " ", result.Output, StringComparison.Ordinal);
        Assert.Single(result.Output.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task Every_combination_has_one_answer_and_no_fresh_node_becomes_master_beside_data()
    {
        string[] peers = ["down", "loading", "master", "fresh:1", "replica:1:0", "replica:1:-1", "replica:2:0", "replica:3:0"];
        string[] votes = ["-", "1@0", "1@4!s_down", "2@4", "3@5"];
        var all = new List<(string Member, string Waited, string Vote1, string Vote2, string Peer2, string Peer3)>();
        foreach (string member in new[] { "yes", "no" })
        {
            foreach (string waited in new[] { "0", "20" })
            {
                all.AddRange(
                    from first in votes from second in votes from peer2 in peers from peer3 in peers select (member, waited, first, second, peer2, peer3));
            }
        }

        // One process for all of them: the script reads one set of facts, so a loop around it feeds it set after set.
        string input = string.Join("--\n",
            all.Select(one => Facts($"{one.Member} {one.Waited}", $"{one.Vote1} {one.Vote2} {one.Vote1} | {one.Peer2} {one.Peer3}")));
        string body = (await File.ReadAllTextAsync(_script)).Replace("set -euo pipefail", "set -eu", StringComparison.Ordinal);
        string loop = $"decide() (\n{body}\n)\nfacts=\nwhile IFS= read -r line; do if [ \"$line\" = -- ]; then decide <<<\"${{facts%$'\\n'}}\"; facts=; else "
            + $"facts+=$line$'\\n'; fi; done\ndecide <<<\"${{facts%$'\\n'}}\"\n";
        await File.WriteAllTextAsync(_script, loop);
        ShellResult result = await Shell.RunAsync("bash", [_script], input, timeout: TimeSpan.FromMinutes(3));

        string[] answers = result.Output.TrimEnd('\n').Split('\n');
        Assert.Equal(all.Count, answers.Length);
        for (int index = 0; index < all.Count; index++)
        {
            (string member, string _, string _, string _, string peer2, string peer3) = all[index];
            string[] words = answers[index].Split(' ');
            Assert.Contains(words[0], new[] { "master", "replicaof", "failover", "wait" });
            if (words[0] == "master" && member == "no")
            {
                Assert.True(peer2 == "fresh:1" && peer3 == "fresh:1", $"{all[index]} -> {answers[index]}");
            }
            if (words[0] == "master")
            {
                Assert.True(peer2 != "master" && peer3 != "master", $"{all[index]} -> {answers[index]}");
            }
            Assert.False(words[0] == "replicaof" && words[1] == "10.0.0.1", $"{all[index]} -> {answers[index]}");
        }
    }

    [Fact]
    public async Task An_unknown_fact_is_an_error()
    {
        ShellResult result = await Shell.RunAsync("bash", [_script], "me 10.0.0.1\nnonsense 1\n");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("nonsense", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_another_machine_says_is_never_run()
    {
        string trap = Path.Combine(Path.GetDirectoryName(_script)!, "trap");

        ShellResult result = await Shell.RunAsync("bash", [_script],
            $"me 10.0.0.1\nmember yes\nsentinels 3\ndownafter 5\nwaited 0\nvote 10.0.0.2 live 10.0.0.2 4 master\npeer 10.0.0.2 replica 10.0.0.1 down "
                + $"votes[$(touch${{IFS}}{trap})] yes\npeer 10.0.0.3 down\n");

        Assert.False(File.Exists(trap), "the decision ran a command");
        Assert.True(result.ExitCode == 0, result.ToString());
    }

    [Theory]
    [InlineData("vote 10.0.0.1 file x[$(echo>MARK)] 1 -")]
    [InlineData("vote 10.0.0.1 file 10.0.0.2 a[$(echo>MARK)] -")]
    [InlineData("peer 10.0.0.2 replica 10.0.0.1 down a[$(echo>MARK)] yes")]
    [InlineData("peer 10.0.0.2 replica a[`echo>MARK`] up 0 yes")]
    public async Task What_another_process_says_is_never_run(string fact)
    {
        string mark = Path.Combine(Path.GetDirectoryName(_script)!, "mark");
        ShellResult result = await Shell.RunAsync("bash", [_script], $"me 10.0.0.1\nmember yes\nsentinels 3\nvote 10.0.0.1 live 10.0.0.1 4 master\n"
            + $"{fact.Replace("MARK", mark, StringComparison.Ordinal)}\npeer 10.0.0.3 down\n");

        Assert.False(File.Exists(mark));
        Assert.Equal("wait - M2 only 1 of 3 Sentinels answer; they name this node\n", result.Output);
    }

    // "no 0", "1@0 2@4!o_down - | fresh:1 replica:2:5" -> the script's input: votes of the three Sentinels, then peers 2 and 3.
    private static string Facts(string memberAndWaited, string view)
    {
        string[] state = memberAndWaited.Split(' ');
        string[] halves = view.Split(" | ");
        var lines = new List<string> { "me 10.0.0.1", $"member {state[0]}", "sentinels 3", "downafter 5", $"waited {state[1]}" };
        string[] votes = halves[0].Split(' ');
        for (int index = 0; index < votes.Length; index++)
        {
            if (votes[index] != "-")
            {
                string[] parts = votes[index].Split('@', '!', '#');
                bool file = votes[index].EndsWith("#file", StringComparison.Ordinal);
                string flags = votes[index].Contains('!', StringComparison.Ordinal) ? "master," + parts[2] : "master";
                lines.Add($"vote 10.0.0.{index + 1} {(file ? "file" : "live")} 10.0.0.{parts[0]} {parts[1]} {(file ? "-" : flags)}");
            }
        }
        string[] peers = halves[1].Split(' ');
        for (int index = 0; index < peers.Length; index++)
        {
            string[] parts = peers[index].Split(':');
            lines.Add($"peer 10.0.0.{index + 2} " + parts[0] switch
            {
                "fresh" => $"replica 10.0.0.{parts[1]} down -1 no",
                "replica" => $"replica 10.0.0.{parts[1]} {(parts[2] == "0" ? "up" : "down")} {parts[2]} yes",
                _ => parts[0],
            });
        }
        return string.Join('\n', lines) + "\n";
    }
}
