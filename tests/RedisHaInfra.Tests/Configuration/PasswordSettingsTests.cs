// Which passwords are valid: two runs change them, and the program refuses a step that would lock somebody out.

using RedisHaInfra.Settings;

namespace RedisHaInfra.Tests.Configuration;

public sealed class PasswordSettingsTests
{
    [Fact]
    public void Nothing_set_means_version_1_alone()
    {
        PasswordSettings passwords = GoodSettings.Read().Passwords;
        Assert.Equal((1, null, "1"), (passwords.Version, passwords.FormerVersion, passwords.Text));
    }

    [Fact]
    public void Of_two_versions_the_last_is_in_use()
    {
        PasswordSettings passwords = GoodSettings.Read(("passwordVersions", "[3,5]")).Passwords;
        Assert.Equal((5, 3, "3,5"), (passwords.Version, passwords.FormerVersion, passwords.Text));
    }

    [Theory]
    [InlineData("[2,1]")]
    [InlineData("[1,1]")]
    [InlineData("[0]")]
    [InlineData("[-1,2]")]
    [InlineData("[1,2,3]")]
    public void Anything_else_is_refused_with_the_rule(string versions)
    {
        SettingsException error = Assert.Throws<SettingsException>(() => GoodSettings.Read(("passwordVersions", versions)));
        SettingProblem problem = Assert.Single(error.Problems);
        Assert.Equal(("passwordVersions", versions, "one or two whole numbers from 1, rising: all are valid, the last one is in use"),
            (problem.Key, problem.Value, problem.Rule));
    }

    [Fact]
    public void A_former_password_of_the_clients_needs_one_in_use()
    {
        Assert.Equal("the-former-0ne",
            GoodSettings.Read(("clientPassword", "the-newest-0ne"), ("formerClientPassword", "the-former-0ne")).Passwords.FormerClient!.Reveal());
        SettingsException error = Assert.Throws<SettingsException>(() => GoodSettings.Read(("formerClientPassword", "the-former-0ne")));
        Assert.Contains("passwordVersions keeps the former ones valid", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("the-former-0ne", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "[7]", true)]      // a new stack
    [InlineData("1", "[1]", true)]
    [InlineData("1", "[1,2]", true)]     // the first run of a change
    [InlineData("1,2", "[1,2]", true)]
    [InlineData("1,2", "[2]", true)]     // the second
    [InlineData("1,2", "[2,3]", true)]
    [InlineData("1", "[2]", false)]
    [InlineData("1", "[2,3]", false)]
    [InlineData("1,2", "[1]", false)]    // the machines use 2
    [InlineData("1,2", "[3]", false)]
    public void A_step_is_possible_while_the_version_in_use_stays_valid(string? built, string now, bool possible)
    {
        string? refusal = GoodSettings.Read(("passwordVersions", now)).Passwords.Refusal(built);
        Assert.Equal(possible, refusal is null);
    }

    [Fact]
    public void The_refusal_has_the_commands_and_they_lead_to_the_end()
    {
        string refusal = GoodSettings.Read(("passwordVersions", "[2]")).Passwords.Refusal("1")!;
        Assert.Contains("pulumi config set --path 'redis-ha:passwordVersions[0]' 1 && pulumi config set --path 'redis-ha:passwordVersions[1]' 2", refusal,
            StringComparison.Ordinal);
        Assert.Contains("pulumi config rm redis-ha:passwordVersions && pulumi config set --path 'redis-ha:passwordVersions[0]' 2", refusal,
            StringComparison.Ordinal);
        Assert.Null(GoodSettings.Read(("passwordVersions", "[1,2]")).Passwords.Refusal("1"));
        Assert.Null(GoodSettings.Read(("passwordVersions", "[2]")).Passwords.Refusal("1,2"));
    }
}
