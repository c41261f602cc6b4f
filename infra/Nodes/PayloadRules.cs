// What a value must look like before it goes into a configuration file or a shell script on a node. The settings are validated
// with messages for people long before this; here is the last line, which no caller can pass by.

using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace RedisHaInfra.Nodes;

/// <summary>The rules for values in a payload.</summary>
internal static partial class PayloadRules
{
    /// <summary>A host name.</summary>
    public static string Name(string value) => Check(value, HostName(), "node name", "lower-case letters, digits and hyphens, at most 63");

    /// <summary>An IPv4 address in its usual form.</summary>
    public static string Address(string value) =>
        IPAddress.TryParse(value, out IPAddress? address) && address.AddressFamily == AddressFamily.InterNetwork && address.ToString() == value
            ? value
            : throw new ArgumentException($"\"{value}\" is no IPv4 address.");

    /// <summary>The name under which Sentinels monitor a master.</summary>
    public static string MasterName(string value) => Check(value, SentinelName(), "master name", "letters, digits and ._-");

    /// <summary>
    /// A password that stands in a Redis or Sentinel file: Sentinel rewrites its file without quoting
    /// (sentinel.c, rewriteConfigSentinelOption), so it must need none.
    /// </summary>
    /// <exception cref="ArgumentException">It has other characters; the message does not repeat it.</exception>
    public static string PlainPassword(string value, string user) =>
        PlainSecret().IsMatch(value)
            ? value
            : throw new ArgumentException($"The password of \"{user}\" must have 12 to 128 characters, out of letters, digits and ._~+-.");

    /// <summary>A password that stands in a file of its own or only as a hash: any characters but control characters.</summary>
    /// <exception cref="ArgumentException">It has others, or is empty; the message does not repeat it.</exception>
    public static string Password(string value, string user) =>
        value.Length is > 0 and <= 512 && !value.Any(char.IsControl)
            ? value
            : throw new ArgumentException($"The password of \"{user}\" must have 1 to 512 characters and no control characters.");

    /// <summary>A single word in redis.conf: a size, a policy.</summary>
    public static string Word(string value, string directive) => Check(value, SingleWord(), directive, "letters, digits and hyphens");

    /// <summary>A single word, or nothing.</summary>
    public static string OptionalWord(string value, string what) => value.Length == 0 ? value : Word(value, what);

    /// <summary>The rest of a redis.conf line.</summary>
    public static string DirectiveValue(string value, string directive) => Check(value, OneLine(), directive, "one line of printable characters");

    /// <summary>A redis.conf directive.</summary>
    public static string Directive(string value) => Check(value, DirectiveName(), "directive", "lower-case letters, digits and hyphens");

    /// <summary>An ACL rule for commands: +get, -client|kill, -@scripting.</summary>
    public static string CommandRule(string value) =>
        Check(value, AclCommandRule(), "rule for clients", "+ or -, then a command, command|subcommand or @category");

    /// <summary>A user of Redis' ACL.</summary>
    public static string UserName(string value) => Check(value, SentinelName(), "user", "letters, digits and ._-");

    /// <summary>An ACL rule for keys or channels.</summary>
    public static string Pattern(string value) => Check(value, AclPattern(), "rule for keys or channels", "~, %R~, %W~ or & and a pattern without blanks");

    /// <summary>An OCID, or the name of a deployment.</summary>
    public static string Identifier(string value) => Check(value, PlainIdentifier(), "identifier", "letters, digits and ._-");

    /// <summary>A SHA-256 in hexadecimal.</summary>
    public static string Sha256(string value) => Check(value, Sha256Digits(), "SHA-256", "64 lower-case hexadecimal digits");

    /// <summary>An http or https address. A secret: the message does not repeat it.</summary>
    public static string Url(string value) =>
        Uri.TryCreate(value, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && PlainUrl().IsMatch(value)
            ? value
            : throw new ArgumentException("An address to fetch from or write to must be an absolute http or https address of printable characters "
                + "without quotes, spaces and backslashes.");

    /// <summary>A calendar event of systemd.time(7), of those that the settings make.</summary>
    public static string Calendar(string value) => Check(value, CalendarEvent(), "calendar event", "as *-*-* 02:30:00 UTC");

    private static string Check(string value, Regex rule, string what, string words) =>
        rule.IsMatch(value) ? value : throw new ArgumentException($"\"{value}\" cannot be the {what}: it must be {words}.");

    [GeneratedRegex(@"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\z")]
    private static partial Regex HostName();

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,64}\z")]
    private static partial Regex SentinelName();

    [GeneratedRegex(@"\A[A-Za-z0-9._~+-]{12,128}\z")]
    private static partial Regex PlainSecret();

    [GeneratedRegex(@"\A\*-\*-\* ([0-9]{2}|\*):[0-9]{2}:00 UTC\z")]
    private static partial Regex CalendarEvent();

    [GeneratedRegex(@"\A[A-Za-z0-9-]{1,64}\z")]
    private static partial Regex SingleWord();

    [GeneratedRegex(@"\A[\x21-\x7E]([\x20-\x7E]{0,510}[\x21-\x7E])?\z")]
    private static partial Regex OneLine();

    [GeneratedRegex(@"\A[a-z][a-z0-9-]{1,63}\z")]
    private static partial Regex DirectiveName();

    [GeneratedRegex(@"\A[+-]@?[a-z_-]{1,64}(\|[a-z-]{1,64})?\z")]
    private static partial Regex AclCommandRule();

    [GeneratedRegex(@"\A(~|%(R|W|RW)~|&)[!-~]{1,256}\z")]
    private static partial Regex AclPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,255}\z")]
    private static partial Regex PlainIdentifier();

    [GeneratedRegex(@"\A[0-9a-f]{64}\z")]
    private static partial Regex Sha256Digits();

    [GeneratedRegex(@"\A[\x21\x23-\x26\x28-\x5B\x5D-\x7E]+\z")]
    private static partial Regex PlainUrl();
}
