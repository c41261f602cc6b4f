// Who gets in, and what happens to one who guesses.

using System.Net;
using System.Text;
using Microsoft.Extensions.Time.Testing;
using RedisHaProxy.Admin;
using RedisHaProxy.Configuration;
using RedisHaProxy.Tests.Routing;

namespace RedisHaProxy.Tests.Admin;

public sealed class BasicAuthenticationTests : IDisposable
{
    private static readonly IPAddress Source = IPAddress.Parse("10.0.0.1");

    private readonly FakeTimeProvider _time = new();
    private readonly LineLog _log = new();
    private readonly BasicAuthentication _authentication;

    public BasicAuthenticationTests()
    {
        _authentication = new BasicAuthentication(_time, _log);
        _authentication.Require("admin", "päss:wörd");
    }

    public void Dispose() => _log.Dispose();

    [Fact]
    public void Wrong_passwords_are_a_line_in_a_while_with_what_to_do_and_are_remembered()
    {
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:guess"), Source));
        }

        _time.Advance(TimeSpan.FromSeconds(30));
        _authentication.Check(Header("admin:guess"), Source);
        Assert.Equal(2, _log.Lines.Count);
        Assert.Contains("Warning: Administration: 10.0.0.1 sends a wrong user or password. If it is a scraper", _log.Lines[0], StringComparison.Ordinal);
        Assert.EndsWith("(4 more before it)", _log.Lines[1], StringComparison.Ordinal);
        Assert.Equal(new WrongPassword(Source, _time.GetUtcNow()), _authentication.Last);
        Assert.DoesNotContain("guess", _log.ToString(), StringComparison.Ordinal);
        string hint = Explanation.Hints(Scene.Healthy.Moment with { WrongPassword = new(Source, Scene.Now.AddMinutes(-9)) }).Single();
        Assert.EndsWith(BasicAuthentication.Advice, hint, StringComparison.Ordinal);
        Assert.Empty(Explanation.Hints(Scene.Healthy.Moment with { WrongPassword = new(Source, Scene.Now.AddMinutes(-11)) }));
    }

    [Fact]
    public void The_right_user_and_password_are_accepted_in_any_case_of_the_scheme()
    {
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:päss:wörd"), Source));
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:päss:wörd").Replace("Basic", "bAsIc  ", StringComparison.Ordinal),
            Source));
    }

    [Fact]
    public void A_former_password_is_accepted_until_it_is_taken_away()
    {
        _authentication.Require("admin", "new", "päss:wörd");
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:päss:wörd"), Source));
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:new"), Source));
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:"), Source));

        _authentication.Require("admin", "new");
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:päss:wörd"), Source));
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:new"), Source));
    }

    [Fact]
    public void Who_reads_metrics_is_told_apart_by_either_password_and_counts_as_one_who_guesses_otherwise()
    {
        _authentication.Require("admin", "päss:wörd", former: null, new MetricsReader("metrics", "numbers", "numbers-before"));
        Assert.Equal(AuthenticationResult.MetricsOnly, _authentication.Check(Header("metrics:numbers"), Source));
        Assert.Equal(AuthenticationResult.MetricsOnly, _authentication.Check(Header("metrics:numbers-before"), Source));
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:päss:wörd"), Source));
        foreach (string crossed in new[] { "admin:numbers", "metrics:päss:wörd", "metrics:", "metrics:numbers " })
        {
            Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header(crossed), Source));
        }

        Guess(BasicAuthentication.Burst - 4);
        Assert.Equal(AuthenticationResult.TooManyGuesses, _authentication.Check(Header("metrics:numbers"), Source));

        _authentication.Require("admin", "päss:wörd");
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("metrics:numbers"), IPAddress.Parse("10.0.0.2")));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Basic")]
    [InlineData("Basic ")]
    [InlineData("Basic %%%")]
    [InlineData("Basic YWRtaW4")]
    [InlineData("Bearer YWRtaW46cMOkc3M6d8O2cmQ=")]
    [InlineData("YWRtaW46cMOkc3M6d8O2cmQ=")]
    public void Anything_else_is_refused(string? header) =>
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(header, Source));

    [Theory]
    [InlineData("admin:")]
    [InlineData("admin")]
    [InlineData(":päss:wörd")]
    [InlineData("Admin:päss:wörd")]
    [InlineData("admin:päss:wörd ")]
    [InlineData("admin:päss:wörd\0")]
    public void Nearly_right_is_wrong(string credentials) =>
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header(credentials), Source));

    [Fact]
    public void A_source_that_guesses_is_not_heard_until_it_has_waited_and_others_are()
    {
        Guess(BasicAuthentication.Burst);

        Assert.Equal(AuthenticationResult.TooManyGuesses, _authentication.Check(Header("admin:päss:wörd"), Source));
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:päss:wörd"), IPAddress.Parse("10.0.0.2")));

        _time.Advance(BasicAuthentication.Refill);
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:päss:wörd"), Source));
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:again"), Source));
        Assert.Equal(AuthenticationResult.TooManyGuesses, _authentication.Check(Header("admin:again"), Source));
    }

    [Fact]
    public void A_browser_that_asks_without_credentials_is_not_guessing()
    {
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(AuthenticationResult.Refused, _authentication.Check(null, Source));
        }

        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:päss:wörd"), Source));
    }

    [Fact]
    public void Addresses_of_one_IPv6_network_are_one_source()
    {
        for (int i = 0; i < BasicAuthentication.Burst; i++)
        {
            _authentication.Check(Header("admin:wrong"), IPAddress.Parse($"2001:db8::{i + 1:x}"));
        }

        Assert.Equal(AuthenticationResult.TooManyGuesses, _authentication.Check(Header("admin:wrong"), IPAddress.Parse("2001:db8::ffff")));
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:wrong"), IPAddress.Parse("2001:db8:0:1::1")));
    }

    [Fact]
    public void Very_many_guessing_sources_share_one_place_and_forgiven_ones_make_room()
    {
        for (int i = 0; i < 5000; i++)
        {
            _authentication.Check(Header("admin:wrong"), new IPAddress(0x0A000000L + i));
        }

        var late = IPAddress.Parse("192.0.2.1");
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:wrong"), late));
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:päss:wörd"), late));

        // The shared place has had thousands of guesses; it empties once there is room for own places again.
        _time.Advance(TimeSpan.FromHours(12));
        for (int i = 0; i < BasicAuthentication.Burst; i++)
        {
            Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:wrong"), late));
        }

        Assert.Equal(AuthenticationResult.TooManyGuesses, _authentication.Check(Header("admin:wrong"), late));
    }

    [Fact]
    public void Without_a_password_everybody_is_accepted_and_a_new_password_holds_at_once()
    {
        _authentication.Require(null, null);
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(null, Source));

        _authentication.Require("admin", "new");
        Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:päss:wörd"), Source));
        Assert.Equal(AuthenticationResult.Accepted, _authentication.Check(Header("admin:new"), Source));
    }

    private static string Header(string credentials) => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials));

    private void Guess(int times)
    {
        for (int i = 0; i < times; i++)
        {
            Assert.Equal(AuthenticationResult.Refused, _authentication.Check(Header("admin:wrong"), Source));
        }
    }
}
