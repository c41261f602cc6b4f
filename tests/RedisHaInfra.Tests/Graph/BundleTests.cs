// The proxy bundle: its names follow its content and nothing else, or nodes would be replaced by a rebuild.

using System.Security.Cryptography;
using Pulumi;
using RedisHaInfra.Components;
using RedisHaInfra.Tests.Configuration;

namespace RedisHaInfra.Tests.Graph;

[Collection(PulumiRuns.Name)]
public sealed class BundleTests(DefaultDeployment deployment)
{
    private static string Sha256 => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(GoodSettings.BundlePath)));

    [Fact]
    public void The_names_carry_the_contents_hash()
    {
        RecordedResource stored = Assert.Single(deployment.Run.Cloud.All(Types.StorageObject));
        RecordedResource access = Assert.Single(deployment.Run.Cloud.All(Types.Preauthrequest));

        Assert.Equal($"proxy-{Sha256[..12]}", stored.Name);
        Assert.Equal($"redis-ha-proxy-{Sha256[..12]}", stored.Text("object"));
        Assert.Equal(stored.Text("object"), access.Text("objectName"));
        var options = (CustomResourceOptions)deployment.Run.Options[(Types.StorageObject, stored.Name)];
        Assert.Contains("source", options.IgnoreChanges);
        Assert.True(options.DeleteBeforeReplace);
    }

    [Fact]
    public void The_path_is_the_contents_and_the_same_on_every_machine()
    {
        string source = Assert.Single(deployment.Run.Cloud.All(Types.StorageObject)).Text("source");

        Assert.Equal($"../artifacts/bundles/redis-ha-proxy-{Sha256}", source);
        Assert.Equal(Sha256, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(source))));
    }

    [Fact]
    public void A_damaged_copy_is_made_again()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.WriteAllText(path, "a program");
        var first = BundleFile.Store(path);
        File.WriteAllText(first.Path, "half a pro");

        Assert.Equal(first, BundleFile.Store(path));
        Assert.Equal("a program", File.ReadAllText(first.Path));
        Assert.Equal([Path.GetFileName(first.Path)], Directory.GetFiles(BundleFile.Folder, $"*{first.Sha256}*").Select(Path.GetFileName));
        File.Delete(first.Path);
        File.Delete(path);
    }

    [Fact]
    public void Nobody_gets_it_without_the_address_and_the_address_lasts()
    {
        RecordedResource bucket = deployment.Run.Cloud.One(Types.Bucket, "bundles");
        RecordedResource access = Assert.Single(deployment.Run.Cloud.All(Types.Preauthrequest));

        Assert.Equal("NoPublicAccess", bucket.Text("accessType"));
        Assert.StartsWith("redis-ha-test-", bucket.Text("name"), StringComparison.Ordinal);
        Assert.Equal(("ObjectRead", "2036-01-01T00:00:00Z"), (access.Text("accessType"), access.Text("timeExpires")));
    }

    [Fact]
    public void The_proxies_payload_names_address_and_hash()
    {
        string script = MachineTests.Text(deployment.Run.Cloud.One(Types.Instance, "proxy1"));

        Assert.Contains(Sha256, script, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_content_elsewhere_changes_nothing()
    {
        string copy = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        File.Copy(GoodSettings.BundlePath, copy);
        try
        {
            StackRun run = await deployment.Run.Again(new() { ["proxyBundlePath"] = copy });

            Assert.Empty(run.Cloud.Plan);

            Assert.Equal(Assert.Single(deployment.Run.Cloud.All(Types.StorageObject)).Name, Assert.Single(run.Cloud.All(Types.StorageObject)).Name);
            Assert.Equal(deployment.Run.Cloud.One(Types.Instance, "proxy1").Text("metadata.user_data"),
                run.Cloud.One(Types.Instance, "proxy1").Text("metadata.user_data"));
        }
        finally
        {
            File.Delete(copy);
        }
    }

    [Fact]
    public async Task An_expired_address_is_no_reason_to_stop()
    {
        // Running proxies need it no more; the warning is for the next new one.
        StackRun run = await StackRun.Of(new() { ["proxyBundleExpires"] = "2020-01-01T00:00:00Z" });

        Assert.Equal("2020-01-01T00:00:00Z", Assert.Single(run.Cloud.All(Types.Preauthrequest)).Text("timeExpires"));
    }
}
