// Every value of every option beside every value of every other one: each such stack is planned, and what holds for all stacks holds for it.

using System.Collections.Immutable;
using Pulumi;
using Pulumi.Utilities;
using RedisHaInfra.Settings;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class PairwiseTests
{
    private static readonly ImmutableArray<ImmutableArray<int>> Rows = Pairs.Of([.. StackOption.All.Select(option => option.Values.Length + 1)],
        (factor, value, other, otherValue) => StackOption.Refused.Any(refused =>
            Is(refused.Option, refused.Value, factor, value) && Is(refused.Other, refused.OtherValue, other, otherValue)
            || (Is(refused.Option, refused.Value, other, otherValue) && Is(refused.Other, refused.OtherValue, factor, value))));

    // Combinations that together have every value, in which a second run with the same settings finds nothing to do.
    private static readonly HashSet<ImmutableArray<int>> RunTwice = WithEveryValue();

    public static TheoryData<string> Combinations => [.. Rows.Select(Name)];

    [Fact]
    public void Every_two_values_meet_once_at_least()
    {
        int[] counts = [2, 3, 4, 2];
        ImmutableArray<ImmutableArray<int>> rows = Pairs.Of(counts, (factor, value, other, otherValue) => (factor, value, other, otherValue) == (1, 2, 2, 3));

        var met = rows.SelectMany(row => from factor in Enumerable.Range(0, 4)
                                         from other in Enumerable.Range(factor + 1, 3 - factor)
                                         select (factor, row[factor], other, row[other])).ToHashSet();
        Assert.Equal((2 * 3) + (2 * 4) + (2 * 2) + (3 * 4) + (3 * 2) + (4 * 2) - 1, met.Count);
        Assert.DoesNotContain((1, 2, 2, 3), met);
        Assert.InRange(rows.Length, 11, 18);
    }

    [Fact]
    public void Options_do_not_share_settings()
    {
        IEnumerable<string> keys = StackOption.All.SelectMany(
            option => option.Values.SelectMany(value => value.Settings.Select(setting => setting.Key)).Distinct());

        Assert.Equal(keys.Distinct().Order(StringComparer.Ordinal), keys.Order(StringComparer.Ordinal));
        Assert.Empty(keys.Except(Setting.All.Select(setting => setting.Key)));
    }

    [Fact]
    public void What_is_called_refused_is_refused()
    {
        foreach ((string name, string value, string other, string otherValue) in StackOption.Refused)
        {
            Assert.NotEmpty(GoodSettings.Problems([.. Find(name, value).Settings, .. Find(other, otherValue).Settings]));
        }
    }

    [Theory]
    [MemberData(nameof(Combinations))]
    public async Task What_holds_for_all_stacks_holds_for(string combination)
    {
        ImmutableArray<int> row = Rows.Single(row => Name(row) == combination);
        var settings = StackOption.All.Zip(row).Where(pair => pair.Second > 0).SelectMany(pair => pair.First.Values[pair.Second - 1].Settings)
            .ToDictionary(setting => setting.Key, setting => setting.Value);
        StackSettings read = GoodSettings.Read([.. settings.Select(pair => (pair.Key, pair.Value))]);

        StackRun run = await StackRun.Of(settings);

        Assert.Equal(run.Cloud.Resources.Count, run.Cloud.Resources.Select(resource => (resource.Type, resource.Name)).Distinct().Count());
        Assert.Equal(SecurityRules.For(read.Network).Select(rule => rule.Name).Order(StringComparer.Ordinal),
            run.Cloud.All(Types.Rule).Select(rule => rule.Name).Order(StringComparer.Ordinal));
        MachinesHaveAddressesOfTheirOwn(run, read);
        await NoSecretIsInPlain(run);
        if (RunTwice.Contains(row))
        {
            Assert.Empty((await run.Again(settings)).Cloud.Plan);
        }
    }

    private static void MachinesHaveAddressesOfTheirOwn(StackRun run, StackSettings settings)
    {
        IReadOnlyList<RecordedResource> machines = run.Cloud.All(Types.Instance);
        string[] addresses = [.. machines.Select(machine => machine.Text("createVnicDetails.privateIp")), settings.Network.LoadBalancerAddress];
        Assert.Equal(addresses.Length, addresses.Distinct().Count());
        // OCI takes 32,000 bytes of metadata in all (oci_core_instance, "metadata").
        Assert.All(machines, machine => Assert.InRange(
            machine.Text("metadata.user_data").Length + machine.Text("metadata.ssh_authorized_keys").Length, 1, 32_000));
    }

    private static async Task NoSecretIsInPlain(StackRun run)
    {
        string[] secrets = [.. SecrecyTests.AllSecrets(run.Cloud), .. StackOption.GivenSecrets];
        foreach (RecordedResource resource in run.Cloud.Resources)
        {
            foreach ((string path, string text) in SecrecyTests.Texts(resource.Inputs, string.Empty))
            {
                string shown = path == ".metadata.user_data" ? MachineTests.Text(resource) : text;
                Assert.True(
                    resource.Type == Types.Command && (path == ".stdin" || path.EndsWith(".privateKey", StringComparison.Ordinal))
                    || !secrets.Any(secret => shown.Contains(secret, StringComparison.Ordinal)),
                    $"a secret is in {resource.Name}{path}");
            }
        }
        foreach (Output<string> output in SecrecyTests.PlainOutputs(run.Stack))
        {
            Assert.False(await Output.IsSecretAsync(output));
            string text = await OutputUtilities.GetValueAsync(output);
            Assert.DoesNotContain(secrets, secret => text.Contains(secret, StringComparison.Ordinal));
        }
    }

    private static HashSet<ImmutableArray<int>> WithEveryValue()
    {
        var left = StackOption.All.SelectMany((option, factor) => Enumerable.Range(1, option.Values.Length).Select(value => (factor, value))).ToHashSet();
        var chosen = new HashSet<ImmutableArray<int>>();
        while (left.Count > 0)
        {
            ImmutableArray<int> best = Rows.MaxBy(row => left.Count(value => row[value.factor] == value.value));
            left.RemoveWhere(value => best[value.factor] == value.value);
            Assert.True(chosen.Add(best), "a value is in no combination");
        }
        return chosen;
    }

    private static bool Is(string option, string value, int factor, int number) =>
        StackOption.All[factor].Name == option && number > 0 && StackOption.All[factor].Values[number - 1].Name == value;

    private static OptionValue Find(string option, string value) =>
        StackOption.All.Single(known => known.Name == option).Values.Single(known => known.Name == value);

    private static string Name(ImmutableArray<int> row) => row.All(value => value == 0) ? "all defaults"
        : string.Join(", ", StackOption.All.Zip(row).Where(pair => pair.Second > 0)
            .Select(pair => $"{pair.First.Name} {pair.First.Values[pair.Second - 1].Name}"));
}
