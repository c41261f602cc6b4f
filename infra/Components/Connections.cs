// The ways by SSH on which the program sends commands: to the bastion, and through it to the nodes.

using System.Globalization;
using Pulumi;
using RedisHaInfra.Settings;
using ConnectionArgs = Pulumi.Command.Remote.Inputs.ConnectionArgs;
using ProxyConnectionArgs = Pulumi.Command.Remote.Inputs.ProxyConnectionArgs;

namespace RedisHaInfra.Components;

/// <summary>Connections. Every hop is checked: without HostKey the provider takes any machine that answers.</summary>
/// <param name="Ssh">The key that the program connects with.</param>
/// <param name="User">The machines' user.</param>
/// <param name="Bastion">The way in; null when the nodes' private addresses are reached directly.</param>
/// <param name="FirstNode">The first Redis node.</param>
/// <param name="FirstNodeKey">Its host key: TYPE BASE64.</param>
public sealed record Connections(SshSettings Ssh, string User, Bastion? Bastion, NodeAddress FirstNode, Output<string> FirstNodeKey)
{
    // The provider doubles its pause between attempts up to 5 s, so the default of 10 attempts is over after 11 s; a machine takes minutes.
    private const int DialErrorLimit = 120;

    /// <summary>To the bastion.</summary>
    public ConnectionArgs ToBastion() => new()
    {
        Host = Bastion!.PublicAddress,
        HostKey = Bastion.Machine.HostKey,
        User = User,
        PrivateKey = Ssh.PrivateKey.ToOutput(),
        DialErrorLimit = DialErrorLimit,
    };

    /// <summary>To the machine from which the program looks at the balancer and the proxies: the bastion, or else the first Redis node.</summary>
    public ConnectionArgs ToOnlooker() => Bastion is null ? To(FirstNode.Address, FirstNodeKey) : ToBastion();

    /// <summary>To a node.</summary>
    /// <param name="address">Its private address.</param>
    /// <param name="hostKey">Its host key: TYPE BASE64.</param>
    public ConnectionArgs To(string address, Output<string> hostKey)
    {
        var connection = new ConnectionArgs
        {
            Host = address,
            HostKey = hostKey,
            User = User,
            PrivateKey = Ssh.PrivateKey.ToOutput(),
            DialErrorLimit = DialErrorLimit,
        };
        if (Bastion is not null)
        {
            connection.Proxy = new ProxyConnectionArgs
            {
                Host = Bastion.PublicAddress,
                HostKey = Bastion.Machine.HostKey,
                User = User,
                PrivateKey = Ssh.PrivateKey.ToOutput(),
                DialErrorLimit = DialErrorLimit,
            };
        }
        return connection;
    }
}

/// <summary>Words of a shell's command line.</summary>
internal static class ShellText
{
    /// <summary>Each word in quotes.</summary>
    public static string Words(params object[] words) =>
        string.Join(' ', words.Select(word => Quote(Convert.ToString(word, CultureInfo.InvariantCulture)!)));

    /// <summary>One word in quotes.</summary>
    public static string Quote(string text) => $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
